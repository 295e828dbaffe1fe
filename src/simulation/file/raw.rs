//! A scenario file as it stands in TOML, every field optional, and how it is lowered.

use super::fault::RawFault;
use super::fields::{Names, Number, Plain, Unit, choose};
use super::{ScenarioFile, ScenarioFileError};
use serde::{Deserialize, Serialize};
use weft_tangle::limits::{COMMITTEE, PACE_MS};
use weft_tangle::sim::{FalseWitness, Lie, Scenario, Topology};

/// The longest time that a field may name, in seconds: a day.
pub(super) const DAY_S: u64 = 86_400;

/// Units of the fields.
pub(super) const NODES: Unit = Unit::count(1, 10_000);
pub(super) const LIARS: Unit = Unit::count(0, 1_000);
pub(super) const NEIGHBOURS: Unit = Unit::count(1, 64);
pub(super) const EPOCH: Unit = Unit { scale: 1_000, least: 1, most: DAY_S };
pub(super) const SECONDS: Unit = Unit::seconds(DAY_S);
pub(super) const MILLISECONDS: Unit = Unit::milliseconds(60_000);
pub(super) const BANDWIDTH: Unit = Unit { scale: 1_000, least: 1, most: 10_000_000 };
pub(super) const SENSORS: Unit = Unit::count(0, 1_000_000);
pub(super) const BYTES: Unit = Unit::count(0, 16_368);
pub(super) const FAULTS: Unit = Unit::count(0, 10_000);
pub(super) const AHEAD: Unit = Unit { scale: 1_000, least: 0, most: 3_600 };
pub(super) const MEMBERS: Unit = Unit::count(0, COMMITTEE as u64);
pub(super) const PACE: Unit = Unit::count(1, PACE_MS);
pub(super) const SKEW: Unit = Unit::count(0, 3_600_000);

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    pub(super) nodes: Option<Number>,
    pub(super) topology: Option<Names>,
    pub(super) neighbours: Option<Number>,
    pub(super) epoch_s: Option<Number>,
    pub(super) duration_s: Option<Number>,
    pub(super) settle_s: Option<Plain>,
    pub(super) links: Links,
    pub(super) machines: Machines,
    pub(super) sensors: Sensors,
    pub(super) liars: Liars,
    pub(super) members: Members,
    pub(super) faults: Faults,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fault: Vec<RawFault>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Links {
    pub(super) delay_ms: Option<Number>,
    pub(super) jitter_ms: Option<Number>,
    pub(super) loss: Option<Number>,
    pub(super) repeat: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bandwidth_kb_s: Option<Number>,
    pub(super) idle_s: Option<Plain>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Machines {
    pub(super) check_ms: Option<Number>,
    pub(super) commit_ms: Option<Number>,
    pub(super) skew_ms: Option<Number>,
    pub(super) backup_s: Option<Plain>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sensors {
    pub(super) count: Option<Number>,
    pub(super) equivocating: Option<Number>,
    pub(super) revoking: Option<Number>,
    pub(super) think_s: Option<Number>,
    pub(super) pause_s: Option<Number>,
    pub(super) roam: Option<Number>,
    pub(super) lost_answer: Option<Number>,
    pub(super) lost_state: Option<Number>,
    pub(super) bytes: Option<Plain>,
    pub(super) enrol: Option<bool>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Liars {
    pub(super) count: Option<Number>,
    pub(super) lies: Option<Names>,
    pub(super) often: Option<Number>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Members {
    pub(super) count: Option<Number>,
    pub(super) lying: Option<Number>,
    pub(super) lies: Option<Names>,
    pub(super) often: Option<Number>,
    pub(super) fastest_ms: Option<Number>,
    pub(super) slowest_ms: Option<Number>,
    pub(super) delta_ms: Option<Number>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Faults {
    pub(super) crash: Option<Number>,
    pub(super) restore: Option<Number>,
    pub(super) cut: Option<Number>,
    pub(super) split: Option<Number>,
    pub(super) drop: Option<Number>,
    pub(super) clock: Option<Number>,
    pub(super) slow: Option<Number>,
    pub(super) lasting_s: Option<Number>,
    pub(super) ahead_s: Option<Number>,
    pub(super) commit_ms: Option<Number>,
}

impl File {
    pub(super) fn lower(self, name: &str) -> Result<ScenarioFile, ScenarioFileError> {
        let mut scenario = Scenario::plain(self.name.as_deref().unwrap_or(name));
        NODES.span("nodes", self.nodes, &mut scenario.nodes)?;
        choose("topology", self.topology, &Topology::ALL, Topology::name, &mut scenario.topology)?;
        NEIGHBOURS.span("neighbours", self.neighbours, &mut scenario.neighbours)?;
        EPOCH.span("epoch_s", self.epoch_s, &mut scenario.epoch_ms)?;
        SECONDS.span("duration_s", self.duration_s, &mut scenario.lasts)?;
        SECONDS.one("settle_s", self.settle_s, &mut scenario.settles)?;
        self.links.lower(&mut scenario)?;
        self.machines.lower(&mut scenario)?;
        self.sensors.lower(&mut scenario)?;
        LIARS.span("liars.count", self.liars.count, &mut scenario.liars)?;
        choose("liars.lies", self.liars.lies, &Lie::ALL, Lie::name, &mut scenario.lies)?;
        Unit::CHANCE.span("liars.often", self.liars.often, &mut scenario.lying)?;
        self.members.lower(&mut scenario)?;
        self.faults.lower(&mut scenario)?;
        for (number, fault) in (1..).zip(&self.fault) {
            let problem = |problem| ScenarioFileError::Fault { number, problem };
            let planned = fault.lower().map_err(problem)?;
            if planned.at > scenario.lasts.high {
                let lasts = scenario.lasts.high / 1_000_000;
                return Err(problem(format!("it begins after the {lasts} s that faults last")));
            }
            scenario.plan.push(planned);
        }
        Ok(ScenarioFile { scenario, seed: self.seed })
    }
}

impl Links {
    fn lower(&self, scenario: &mut Scenario) -> Result<(), ScenarioFileError> {
        let links = &mut scenario.links;
        MILLISECONDS.span("links.delay_ms", self.delay_ms, &mut links.delay)?;
        MILLISECONDS.span("links.jitter_ms", self.jitter_ms, &mut links.jitter)?;
        Unit::CHANCE.span("links.loss", self.loss, &mut links.loss)?;
        Unit::CHANCE.span("links.repeat", self.repeat, &mut links.repeat)?;
        if self.bandwidth_kb_s.is_some() {
            let mut bandwidth = weft_tangle::sim::Span::of(0);
            BANDWIDTH.span("links.bandwidth_kb_s", self.bandwidth_kb_s, &mut bandwidth)?;
            links.bandwidth = Some(bandwidth);
        }
        SECONDS.one("links.idle_s", self.idle_s, &mut links.idle)
    }
}

impl Machines {
    fn lower(&self, scenario: &mut Scenario) -> Result<(), ScenarioFileError> {
        let machines = &mut scenario.machines;
        MILLISECONDS.span("machines.check_ms", self.check_ms, &mut machines.check)?;
        MILLISECONDS.span("machines.commit_ms", self.commit_ms, &mut machines.commit)?;
        SKEW.span("machines.skew_ms", self.skew_ms, &mut machines.skew_ms)?;
        SECONDS.one("machines.backup_s", self.backup_s, &mut machines.backups)
    }
}

impl Sensors {
    fn lower(&self, scenario: &mut Scenario) -> Result<(), ScenarioFileError> {
        let sensors = &mut scenario.sensors;
        SENSORS.span("sensors.count", self.count, &mut sensors.count)?;
        SENSORS.span("sensors.equivocating", self.equivocating, &mut sensors.equivocating)?;
        SENSORS.span("sensors.revoking", self.revoking, &mut sensors.revoking)?;
        SECONDS.span("sensors.think_s", self.think_s, &mut sensors.think)?;
        SECONDS.span("sensors.pause_s", self.pause_s, &mut sensors.pause)?;
        Unit::CHANCE.span("sensors.roam", self.roam, &mut sensors.roam)?;
        Unit::CHANCE.span("sensors.lost_answer", self.lost_answer, &mut sensors.lost_answer)?;
        Unit::CHANCE.span("sensors.lost_state", self.lost_state, &mut sensors.lost_state)?;
        BYTES.one("sensors.bytes", self.bytes, &mut sensors.bytes)?;
        sensors.enrol = self.enrol.unwrap_or(sensors.enrol);
        Ok(())
    }
}

impl Members {
    fn lower(self, scenario: &mut Scenario) -> Result<(), ScenarioFileError> {
        let members = &mut scenario.members;
        MEMBERS.span("members.count", self.count, &mut members.count)?;
        MEMBERS.span("members.lying", self.lying, &mut members.lying)?;
        choose("members.lies", self.lies, &FalseWitness::ALL, FalseWitness::name, &mut members.lies)?;
        Unit::CHANCE.span("members.often", self.often, &mut members.often)?;
        PACE.span("members.fastest_ms", self.fastest_ms, &mut members.fastest_ms)?;
        PACE.span("members.slowest_ms", self.slowest_ms, &mut members.slowest_ms)?;
        PACE.span("members.delta_ms", self.delta_ms, &mut members.delta_ms)?;
        let (fastest, slowest) = (members.fastest_ms.high, members.slowest_ms.low);
        if fastest > slowest {
            let problem = format!("must be at most `members.slowest_ms`, {slowest}, not {fastest}");
            return Err(ScenarioFileError::Field { field: "members.fastest_ms", problem });
        }
        Ok(())
    }
}

impl Faults {
    fn lower(&self, scenario: &mut Scenario) -> Result<(), ScenarioFileError> {
        let faults = &mut scenario.faults;
        FAULTS.span("faults.crash", self.crash, &mut faults.crash)?;
        FAULTS.span("faults.restore", self.restore, &mut faults.restore)?;
        FAULTS.span("faults.cut", self.cut, &mut faults.cut)?;
        FAULTS.span("faults.split", self.split, &mut faults.split)?;
        FAULTS.span("faults.drop", self.drop, &mut faults.drop)?;
        FAULTS.span("faults.clock", self.clock, &mut faults.clock)?;
        FAULTS.span("faults.slow", self.slow, &mut faults.slow)?;
        SECONDS.span("faults.lasting_s", self.lasting_s, &mut faults.lasting)?;
        AHEAD.span("faults.ahead_s", self.ahead_s, &mut faults.ahead_ms)?;
        MILLISECONDS.span("faults.commit_ms", self.commit_ms, &mut faults.commit)
    }
}
