//! What a measured simulation says about capacity, as figures, text and charts (`spec/18-capacity.md`).
//!
//! Always true: figures are named with their units, and are those of the time from a quarter of the traffic on; what a
//! machine's speed has a part in stands apart from what follows from scenario and seed.

mod axis;
mod chart;

use axis::{Scale, written};
use chart::{Chart, Line};
use serde_json::{Value, json};
use std::time::Duration;
use weft_tangle::sim::{Latencies, Look, Measured};

/// Points of a curve of shares.
const CURVE: u64 = 200;

/// What the process that simulates looked like when the network was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Microseconds that were simulated.
    pub at: u64,
    /// Processor time of the simulation until then, or the time that passed where the system does not say.
    pub took: Duration,
    /// Bytes of memory that the process has; none where the system does not say.
    pub resident: Option<u64>,
}

/// A measured simulation, ready to be told.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was measured in virtual time.
    pub measured: Measured,
    /// What was seen at each look of it, but for the first.
    pub seen: Vec<Seen>,
    /// Bytes of memory that the process had before.
    pub resident_before: Option<u64>,
}

impl Report {
    /// All figures, by names that stay.
    pub fn figures(&self) -> Vec<(&'static str, Value)> {
        let measured = &self.measured;
        let (traffic, nodes) = (measured.traffic(), measured.nodes.max(1) as f64);
        let seconds = measured.lasts() as f64 / 1e6;
        let reached = (measured.latencies.count().max(1)) as f64;
        let [linked, fewest, most] = measured.links;
        let last = measured.looks.last().copied().unwrap_or_default();
        let each = |count: u64| round(count as f64 / nodes);
        let share = |bytes: u64| round(bytes as f64 / traffic.bytes.max(1) as f64);
        let links = &measured.outcome.scenario.links;
        let way = ((links.delay.low + links.delay.high + links.jitter.low).max(1)) as f64 / 2.0;
        let members = measured.outcome.scenario.members.count.low.max(1) as f64;
        let witnesses = measured.witnesses() as f64;
        let ms = |latencies: &Latencies, permille| json!(latencies.quantile(permille) as f64 / 1e3);
        // What never became final took no time: there is no figure.
        let if_any = |figure: Value| if measured.finals.count() > 0 { figure } else { Value::Null };
        let mut figures = vec![
            ("nodes", json!(measured.nodes)),
            ("links", json!(linked)),
            ("links_of_a_node_least", json!(fewest)),
            ("links_of_a_node_most", json!(most)),
            ("sensors", json!(measured.outcome.scenario.sensors.count.low)),
            ("seconds_measured", round(seconds)),
            ("transactions", json!(measured.transactions())),
            ("transactions_a_second", round(measured.transactions() as f64 / seconds)),
            ("to_each_node_p50_ms", ms(&measured.latencies, 500)),
            ("to_each_node_p99_ms", ms(&measured.latencies, 990)),
            ("to_each_node_most_ms", json!(measured.latencies.most() as f64 / 1e3)),
            ("to_all_nodes_p50_ms", ms(&measured.everywhere, 500)),
            ("to_all_nodes_p99_ms", ms(&measured.everywhere, 990)),
            ("to_all_nodes_most_ms", json!(measured.everywhere.most() as f64 / 1e3)),
            ("final_p50_ms", if_any(ms(&measured.finals, 500))),
            ("final_p99_ms", if_any(ms(&measured.finals, 990))),
            ("final_p50_ways", if_any(round(measured.finals.quantile(500) as f64 / way))),
            ("witnesses_a_member_second", round(witnesses / members / seconds)),
            ("commits_a_second", round(measured.commits() as f64 / seconds)),
            ("witness_bytes_a_node_second", round(traffic.witnesses as f64 / nodes / seconds)),
            ("duplicates_a_body", round(traffic.duplicates as f64 / reached)),
            ("bytes_a_body_byte", round(traffic.bytes as f64 / traffic.delivered.max(1) as f64)),
            ("share_control", share(traffic.control)),
            ("share_bulk", share(traffic.bulk)),
            ("messages_a_node_second", round(traffic.messages as f64 / nodes / seconds)),
            ("bytes_a_node_second", round(traffic.bytes as f64 / nodes / seconds)),
            ("bytes_busiest_node_second", round(measured.most_sent as f64 / seconds)),
            ("left_out", json!(traffic.left_out)),
            ("held_window_a_node", each(last.held.window)),
            ("held_tips_a_node", each(last.held.tips)),
            ("held_pending_a_node", each(last.held.pending)),
            ("held_verdicts_a_node", each(last.held.verdicts)),
            ("settled_s", json!(measured.outcome.settled.map(|settled| settled as f64 / 1e6))),
            ("trace", json!(format!("{:016x}", measured.outcome.trace))),
        ];
        figures.extend(self.speed());
        figures
    }

    /// Figures that depend on the machine.
    fn speed(&self) -> Vec<(&'static str, Value)> {
        let warm = self.measured.warm.checked_sub(1).and_then(|at| self.seen.get(at));
        let (Some(warm), Some(last)) = (warm, self.seen.last()) else { return Vec::new() };
        let took = (last.took.saturating_sub(warm.took)).as_secs_f64().max(1e-9);
        let (seconds, events) = (self.measured.lasts() as f64 / 1e6, self.measured.events() as f64);
        let reached = (self.measured.transactions() * self.measured.nodes).max(1) as f64;
        let resident = last.resident.zip(self.resident_before);
        let grown = resident.map(|(now, before)| now.saturating_sub(before));
        vec![
            ("simulated_seconds_a_second", round(seconds / took)),
            ("events_a_second", round(events / took)),
            ("microseconds_an_event", round(took * 1e6 / events.max(1.0))),
            ("microseconds_a_transaction_and_node", round(took * 1e6 / reached)),
            ("resident_bytes_a_node", json!(grown.map(|grown| grown / self.measured.nodes.max(1)))),
            ("seconds_in_all", round(last.took.as_secs_f64())),
        ]
    }

    /// The figures as a person reads them.
    pub fn text(&self) -> String {
        let figures = self.figures();
        let width = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text =
            format!("{}, seed {}\n\n", self.measured.outcome.scenario.name, self.measured.outcome.seed);
        for (name, value) in figures {
            let value = match &value {
                Value::Number(number) => number.as_f64().map_or_else(String::new, written),
                Value::String(string) => string.clone(),
                _ => "-".to_owned(),
            };
            text.push_str(&format!("{:width$}  {value:>16}\n", name.replace('_', " ")));
        }
        text
    }

    /// Charts, each with the name of its file.
    pub fn charts(&self) -> Vec<(&'static str, String)> {
        let name = &self.measured.outcome.scenario.name;
        let title = |what: &str| format!("{what}: {name}, {} nodes", self.measured.nodes);
        vec![
            ("propagation.svg", self.propagation(title("How fast transactions spread")).svg()),
            ("bytes.svg", self.bytes(title("What a node sends")).svg()),
            ("overhead.svg", self.overhead(title("What spreading costs")).svg()),
            ("held.svg", self.held(title("What a node holds in memory")).svg()),
            ("memory.svg", self.memory(title("Memory of the simulation")).svg()),
        ]
    }

    fn propagation(&self, title: String) -> Chart {
        let lines = vec![
            Line { name: "at another node", points: curve(&self.measured.latencies) },
            Line { name: "at all nodes", points: curve(&self.measured.everywhere) },
        ];
        Chart {
            title,
            across: "time since the first node has it (ms)",
            up: "share (%)",
            scale: Scale::Logarithmic,
            lines,
        }
    }

    fn bytes(&self, title: String) -> Chart {
        let nodes = self.measured.nodes.max(1) as f64;
        let rate = |bytes: u64, step: &Step| bytes as f64 / 1e3 / nodes / step.seconds;
        let lines = vec![
            self.line("pushed", |step| {
                rate(step.traffic.bytes - step.traffic.control - step.traffic.bulk, step)
            }),
            self.line("logs and requests", |step| rate(step.traffic.control, step)),
            self.line("asked for", |step| rate(step.traffic.bulk, step)),
        ];
        Chart { title, across: "time (s)", up: "kB/s a node", scale: Scale::Linear, lines }
    }

    fn overhead(&self, title: String) -> Chart {
        let length = |step: &Step| step.traffic.delivered as f64;
        let bodies = |step: &Step| step.traffic.bodies.saturating_sub(step.traffic.duplicates) as f64;
        let lines = vec![
            self.line("bytes sent for a byte that is new", |step| step.traffic.bytes as f64 / length(step)),
            self.line("copies too many of a transaction", |step| {
                step.traffic.duplicates as f64 / bodies(step)
            }),
        ];
        Chart { title, across: "time (s)", up: "times", scale: Scale::Linear, lines }
    }

    fn held(&self, title: String) -> Chart {
        let nodes = self.measured.nodes.max(1) as f64;
        let line = |name, of: fn(&Look) -> u64| {
            let point = |look: &Look| (look.at as f64 / 1e6, of(look) as f64 / nodes);
            Line { name, points: self.measured.looks.iter().map(point).collect() }
        };
        let lines = vec![
            line("in the window", |look| look.held.window),
            line("signatures remembered", |look| look.held.verdicts),
            line("tips", |look| look.held.tips),
        ];
        Chart { title, across: "time (s)", up: "entries a node", scale: Scale::Linear, lines }
    }

    fn memory(&self, title: String) -> Chart {
        let nodes = self.measured.nodes.max(1) as f64;
        let before = self.resident_before.unwrap_or(0);
        let point = |seen: &Seen| {
            let grown = seen.resident?.saturating_sub(before);
            Some((seen.at as f64 / 1e6, grown as f64 / 1024.0 / nodes))
        };
        let points = self.seen.iter().filter_map(point).collect();
        let lines = vec![Line { name: "resident, shared transactions included", points }];
        Chart { title, across: "time (s)", up: "KiB a node", scale: Scale::Linear, lines }
    }

    /// A line through what each step between two looks has brought.
    fn line(&self, name: &'static str, of: impl Fn(&Step) -> f64) -> Line {
        let step = |two: &[Look]| {
            let [earlier, later] = [two[0], two[1]];
            let seconds = ((later.at - earlier.at).max(1)) as f64 / 1e6;
            let step = Step { seconds, traffic: later.traffic.since(&earlier.traffic) };
            (later.at as f64 / 1e6, of(&step))
        };
        Line { name, points: self.measured.looks.windows(2).map(step).collect() }
    }
}

/// What came between two looks.
struct Step {
    seconds: f64,
    traffic: weft_tangle::sim::Traffic,
}

/// Milliseconds, and the share of durations in percent that are no longer.
fn curve(latencies: &Latencies) -> Vec<(f64, f64)> {
    let all = latencies.count().max(1);
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut drawn = None;
    for (latency, count) in latencies.shares() {
        // Two points that nobody could tell apart are one.
        let place = count * CURVE / all;
        if drawn != Some(place) || count == all {
            points.push((latency as f64 / 1e3, count as f64 * 100.0 / all as f64));
            drawn = Some(place);
        }
    }
    points
}

/// Three places behind the point: what is measured is no more exact.
fn round(number: f64) -> Value {
    json!((number * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::sim::{Scenario, Span, measure};

    fn report() -> Report {
        let mut scenario = Scenario::plain("ward & co");
        scenario.lasts = Span::of(10_000_000);
        let mut seen = Vec::new();
        let measured = measure(&scenario, 1, &mut |look| {
            let took = Duration::from_micros(look.at / 10);
            seen.push(Seen { at: look.at, took, resident: Some(3_000_000 + look.at) });
        });
        Report { measured, seen, resident_before: Some(3_000_000) }
    }

    #[test]
    fn figures_fit_each_other() {
        let report = report();
        let figures: serde_json::Map<String, Value> =
            report.figures().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let number = |name: &str| figures[name].as_f64().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(number("nodes"), 3.0);
        assert_eq!(number("seconds_measured"), 7.5);
        assert_eq!(number("simulated_seconds_a_second"), 10.0, "ten times as fast as what it simulates");
        assert_eq!(number("resident_bytes_a_node"), 10_000_000.0 / 3.0 - 1.0 / 3.0);
        assert!(number("to_each_node_p50_ms") <= number("to_all_nodes_p50_ms"));
        assert_eq!(figures["final_p50_ms"], Value::Null, "nobody makes witnesses");
        assert!(number("bytes_a_body_byte") > 1.0 && number("bytes_a_body_byte") < 3.0);
        let bytes = number("bytes_a_node_second") * 3.0;
        assert!(
            number("bytes_busiest_node_second") <= bytes
                && number("bytes_busiest_node_second") * 3.0 >= bytes
        );
        let text = report.text();
        assert!(text.starts_with("ward & co, seed 1\n") && text.lines().count() == figures.len() + 2);
    }

    #[test]
    fn charts_show_what_was_measured() {
        let charts = report().charts();
        assert_eq!(charts.len(), 5);
        for (name, svg) in &charts {
            assert!(svg.contains("ward &amp; co, 3 nodes") && svg.ends_with("</svg>\n"), "{name}");
            let lines = svg.split("<polyline").skip(1);
            assert!(
                lines.clone().count() > 0 && lines.clone().any(|line| line.matches(',').count() > 5),
                "{name}"
            );
        }
    }

    #[test]
    fn a_curve_ends_at_all() {
        let report = report();
        for latencies in [&report.measured.latencies, &report.measured.everywhere] {
            let points = curve(latencies);
            assert!(points.is_sorted() && points.len() as u64 <= CURVE + 2);
            assert_eq!(points.last().unwrap().1, 100.0);
        }
    }
}
