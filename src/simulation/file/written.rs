//! A scenario as the text of a file, every field in it, so that it does not depend on what holds without one.

use super::ScenarioFile;
use super::fault::RawFault;
use super::fields::{Unit, names};
use super::raw::{
    AHEAD, BANDWIDTH, BYTES, EPOCH, FAULTS, Faults, File, LIARS, Liars, Links, MEMBERS, MILLISECONDS,
    Machines, Members, NEIGHBOURS, NODES, PACE, SECONDS, SENSORS, SKEW, Sensors,
};
use weft_tangle::sim::{FalseWitness, Lie, Topology};

pub(super) fn text(file: &ScenarioFile) -> String {
    let scenario = &file.scenario;
    let (links, machines, sensors, faults) =
        (&scenario.links, &scenario.machines, &scenario.sensors, &scenario.faults);
    let members = &scenario.members;
    let chance = |span| Unit::CHANCE.write(span);
    let raw = File {
        name: Some(scenario.name.clone()),
        seed: file.seed,
        nodes: NODES.write(scenario.nodes),
        topology: names(&scenario.topology, Topology::name),
        neighbours: NEIGHBOURS.write(scenario.neighbours),
        epoch_s: EPOCH.write(scenario.epoch_ms),
        duration_s: SECONDS.write(scenario.lasts),
        settle_s: SECONDS.write_one(scenario.settles),
        links: Links {
            delay_ms: MILLISECONDS.write(links.delay),
            jitter_ms: MILLISECONDS.write(links.jitter),
            loss: chance(links.loss),
            repeat: chance(links.repeat),
            bandwidth_kb_s: links.bandwidth.and_then(|bandwidth| BANDWIDTH.write(bandwidth)),
            idle_s: SECONDS.write_one(links.idle),
        },
        machines: Machines {
            check_ms: MILLISECONDS.write(machines.check),
            commit_ms: MILLISECONDS.write(machines.commit),
            skew_ms: SKEW.write(machines.skew_ms),
            backup_s: SECONDS.write_one(machines.backups),
        },
        sensors: Sensors {
            count: SENSORS.write(sensors.count),
            equivocating: SENSORS.write(sensors.equivocating),
            revoking: SENSORS.write(sensors.revoking),
            think_s: SECONDS.write(sensors.think),
            pause_s: SECONDS.write(sensors.pause),
            roam: chance(sensors.roam),
            lost_answer: chance(sensors.lost_answer),
            lost_state: chance(sensors.lost_state),
            bytes: BYTES.write_one(sensors.bytes),
            enrol: Some(sensors.enrol),
        },
        liars: Liars {
            count: LIARS.write(scenario.liars),
            lies: names(&scenario.lies, Lie::name).filter(|_| !scenario.lies.is_empty()),
            often: chance(scenario.lying),
        },
        members: Members {
            count: MEMBERS.write(members.count),
            lying: MEMBERS.write(members.lying),
            lies: names(&members.lies, FalseWitness::name).filter(|_| !members.lies.is_empty()),
            often: chance(members.often),
            fastest_ms: PACE.write(members.fastest_ms),
            slowest_ms: PACE.write(members.slowest_ms),
            delta_ms: PACE.write(members.delta_ms),
        },
        faults: Faults {
            crash: FAULTS.write(faults.crash),
            restore: FAULTS.write(faults.restore),
            cut: FAULTS.write(faults.cut),
            split: FAULTS.write(faults.split),
            drop: FAULTS.write(faults.drop),
            clock: FAULTS.write(faults.clock),
            slow: FAULTS.write(faults.slow),
            lasting_s: SECONDS.write(faults.lasting),
            ahead_s: AHEAD.write(faults.ahead_ms),
            commit_ms: MILLISECONDS.write(faults.commit),
        },
        fault: scenario.plan.iter().map(RawFault::of).collect(),
    };
    toml::to_string(&raw).expect("numbers, strings and tables can all be written as TOML")
}
