//! Charts of lines as SVG, made by hand: a few shapes and a style that follows the reader's light or dark background.
//!
//! Always true: what is written is one well-formed XML document that needs nothing else; text in it is escaped.

use super::axis::{Axis, Scale, written};
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 74.0;
const BOTTOM: f64 = 58.0;

/// Lines are told apart by colour and by dashes. The colours keep apart for the colour-blind (Okabe and Ito 2008).
const DASHES: [&str; 3] = ["none", "8 4", "2 3"];

const STYLE: &str = "
  svg { font: 13px system-ui, sans-serif; color-scheme: light dark }
  .ground { fill: #ffffff } text { fill: #1b1f24 } .faint { fill: #57606a }
  .grid { stroke: #d8dee4; stroke-width: 1 } .frame { stroke: #57606a; stroke-width: 1; fill: none }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .l0 { stroke: #0072b2 } .l1 { stroke: #d55e00 } .l2 { stroke: #009e73 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9da7b1 }
    .grid { stroke: #2a313a } .frame { stroke: #8b949e }
    .l0 { stroke: #56b4e9 } .l1 { stroke: #f0883e } .l2 { stroke: #3fb98a }
  }
";

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart; its axes are named with their units.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) across: &'static str,
    pub(super) up: &'static str,
    pub(super) scale: Scale,
    /// Three at most.
    pub(super) lines: Vec<Line>,
}

impl Chart {
    /// The chart as an SVG document.
    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = Axis::of(self.scale, points().map(|point| point.0));
        let up = Axis::of(Scale::Linear, points().map(|point| point.1));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
             <title>{0}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
             <text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"600\">{0}</text>\n",
            escaped(&self.title)
        );
        self.grid(&mut svg, &across, &up);
        for (number, line) in self.lines.iter().enumerate() {
            let place = |point: &(f64, f64)| Some((x(across.place(point.0)?), y(up.place(point.1)?)));
            let path: Vec<String> =
                line.points.iter().filter_map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            add(&mut svg, format_args!("<polyline {} points=\"{}\"/>\n", drawn(number), path.join(" ")));
        }
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn grid(&self, svg: &mut String, across: &Axis, up: &Axis) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for mark in across.marks() {
            let Some(at) = across.place(mark).map(x) else { continue };
            add(
                svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>\
                     <text class=\"faint\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                    bottom + 20.0,
                    written(mark)
                ),
            );
        }
        for mark in up.marks() {
            let Some(at) = up.place(mark).map(y) else { continue };
            add(
                svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>\
                     <text class=\"faint\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                    LEFT - 8.0,
                    at + 4.5,
                    written(mark)
                ),
            );
        }
        add(
            svg,
            format_args!(
                "<path class=\"frame\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
                 <text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                (LEFT + right) / 2.0,
                HEIGHT - 14.0,
                escaped(self.across),
                (TOP + bottom) / 2.0,
                escaped(self.up)
            ),
        );
    }

    fn legend(&self, svg: &mut String) {
        let mut at = LEFT;
        for (number, line) in self.lines.iter().enumerate() {
            add(
                svg,
                format_args!(
                    "<path {} d=\"M{at:.1} 50h28\"/><text x=\"{:.1}\" y=\"54.5\">{}</text>\n",
                    drawn(number),
                    at + 36.0,
                    escaped(line.name)
                ),
            );
            // The widest letters of a usual face take 7.5 of these units on average.
            at += 64.0 + 7.5 * line.name.chars().count() as f64;
        }
    }
}

fn drawn(number: usize) -> String {
    let number = number % DASHES.len();
    format!("class=\"line l{number}\" stroke-dasharray=\"{}\"", DASHES[number])
}

fn x(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn y(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

fn add(svg: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = svg.write_fmt(text);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart {
            title: "a <b> & c".into(),
            across: "time (s)",
            up: "bytes (kB/s)",
            scale: Scale::Linear,
            lines: vec![Line { name: "one", points }],
        }
    }

    #[test]
    fn what_is_drawn_lies_within_the_frame_and_is_escaped() {
        let svg = chart(vec![(0.0, 3.0), (5.0, 9.5), (10.0, 0.0), (f64::NAN, 1.0)]).svg();
        assert!(svg.contains("<title>a &lt;b&gt; &amp; c</title>") && !svg.contains("<b>"));
        assert!(svg.contains(">time (s)</text>") && svg.contains(">bytes (kB/s)</text>"));
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        let points: Vec<Vec<f64>> =
            points.split(' ').map(|pair| pair.split(',').map(|n| n.parse().unwrap()).collect()).collect();
        assert_eq!(points.len(), 3, "what is no number is left out");
        assert!(points.iter().all(|p| (LEFT..=WIDTH - RIGHT).contains(&p[0])));
        assert!(points.iter().all(|p| (TOP..=HEIGHT - BOTTOM).contains(&p[1])));
        assert_eq!(points[2], [WIDTH - RIGHT, HEIGHT - BOTTOM]);
    }

    #[test]
    fn every_element_is_closed() {
        for points in [vec![], vec![(1.0, 1.0)], vec![(0.0, 0.0), (1e9, 1e-9)]] {
            let svg = chart(points).svg();
            let count = |what: &str| svg.matches(what).count();
            assert_eq!(count("<text"), count("</text>"));
            assert_eq!(
                count("<svg") + count("<style") + count("<title"),
                count("</svg") + count("</style") + count("</title")
            );
            assert_eq!(count("<path") + count("<polyline") + count("<rect"), count("/>"));
        }
    }
}
