//! Scenario files: TOML, lowered once into a [`Scenario`] (`spec/16-simulation.md`).
//!
//! Always true: what is written reads back to the same scenario. Unknown fields are refused, for a misspelt one would
//! silently leave a fault out.

mod fault;
mod fields;
mod raw;
mod written;

use std::path::{Path, PathBuf};
use weft_tangle::sim::Scenario;

/// Why a scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioFileError {
    /// It cannot be read.
    #[error("cannot read the scenario {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or has fields that it must not have.
    #[error("the scenario is not as it must be: {0}")]
    Toml(#[from] toml::de::Error),
    /// A field holds what it must not.
    #[error("`{field}` {problem}")]
    Field {
        /// The field's name, with that of its table.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A planned fault is not one.
    #[error("fault number {number}: {problem}")]
    Fault {
        /// Which, from one.
        number: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// A scenario, and the seed that its file names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioFile {
    /// The scenario.
    pub scenario: Scenario,
    /// The seed, where it matters.
    pub seed: Option<u64>,
}

impl ScenarioFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ScenarioFileError`], whose text says what to mend.
    pub fn read(path: &Path) -> Result<Self, ScenarioFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioFileError::Read { path: path.to_owned(), source })?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self::parse(&text, &stem.unwrap_or_default())
    }

    /// Reads a scenario file's text; `name` is that of a scenario that does not name itself.
    ///
    /// # Errors
    /// As [`ScenarioFile::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self, ScenarioFileError> {
        let raw: raw::File = toml::from_str(text)?;
        raw.lower(name)
    }

    /// The text that [`ScenarioFile::parse`] reads back to the same.
    pub fn to_toml(&self) -> String {
        written::text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::sim::{FalseWitness, Lie, Span, Topology};

    #[test]
    fn an_empty_file_is_the_plain_scenario() {
        let file = ScenarioFile::parse("", "ward").unwrap();
        assert_eq!(file, ScenarioFile { scenario: Scenario::plain("ward"), seed: None });
    }

    #[test]
    fn what_a_seed_has_drawn_is_written_and_reads_back() {
        let text = "seed = 9\nnodes = [3, 8]\ntopology = [\"ring\", \"random\"]\nduration_s = [20, 40]\n\
            [links]\ndelay_ms = [0.1, 33.333]\nloss = [0, 0.05]\nbandwidth_kb_s = [100, 2000]\n\
            [liars]\ncount = 2\nlies = [\"twins\", \"garbage\"]\noften = 0.125\n\
            [members]\ncount = [1, 8]\nlying = [0, 2]\nlies = [\"hide\", \"equivocate\"]\nfastest_ms = 20\n\
            [faults]\ncrash = 3\nrestore = 3\ncut = 9\nsplit = 3\ndrop = 9\nclock = 3\nslow = 3\n\
            [[fault]]\nat_s = 1.5\nfor_s = 2\nkind = \"split\"\nside = [0, 2]\n";
        let file = ScenarioFile::parse(text, "drawn").unwrap();
        assert_eq!(file.seed, Some(9));
        assert_eq!(file.scenario.lies, [Lie::Twins, Lie::Garbage]);
        assert_eq!(file.scenario.members.lies, [FalseWitness::Hide, FalseWitness::Equivocate]);
        assert_eq!(file.scenario.members.fastest_ms, Span::of(20));
        assert_eq!(file.scenario.topology, [Topology::Ring, Topology::Random]);
        assert_eq!(file.scenario.links.delay, Span::new(100, 33_333));
        assert_eq!(ScenarioFile::parse(&file.to_toml(), "").unwrap(), file);
        for seed in 0..20 {
            let fixed = ScenarioFile { scenario: file.scenario.fixed(seed), seed: Some(seed) };
            assert!(fixed.scenario.plan.len() > 10);
            assert_eq!(ScenarioFile::parse(&fixed.to_toml(), "").unwrap(), fixed);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |text: &str| ScenarioFile::parse(text, "").unwrap_err().to_string();
        for (text, expected) in [
            ("nodez = 3", "nodez"),
            ("nodes = 0", "`nodes` must be 1 to 10000"),
            ("nodes = [5, 3]", "`nodes` goes from 5 down to 3; write the smaller number first"),
            ("nodes = 3.5", "`nodes` must be a whole number, not 3.5"),
            ("topology = \"mesh\"", "`topology` must be one of full, ring, line, star, random, not \"mesh\""),
            ("[links]\nloss = 2", "`links.loss` must be 0 to 1"),
            ("[links]\ndelay_ms = -1", "`links.delay_ms` must be 0 to "),
            ("[liars]\nlies = [\"white\"]", "`liars.lies` must be"),
            ("[members]\nlies = \"all\"", "`members.lies` must be one of equivocate, hide"),
            ("[members]\ncount = 200", "`members.count` must be 0 to 128"),
            (
                "[members]\nfastest_ms = 900",
                "`members.fastest_ms` must be at most `members.slowest_ms`, 500, not 900",
            ),
            ("[sensors]\nbytes = 20000", "`sensors.bytes` must be 0 to 16368"),
            ("[[fault]]\nat_s = 1\nkind = \"crash\"", "fault number 1: a crash needs `node`"),
            ("[[fault]]\nat_s = 1\nkind = \"fire\"\nnode = 1", "fault number 1: `kind` must be one of crash"),
            ("[[fault]]\nat_s = 1\nkind = \"cut\"\na = 1\nb = 1", "fault number 1: a cut needs two nodes"),
            ("[[fault]]\nat_s = 99\nkind = \"crash\"\nnode = 1", "fault number 1: it begins after the 30 s"),
        ] {
            let found = refused(text);
            assert!(found.contains(expected), "{text}: {found}");
        }
        assert!(
            ScenarioFile::read(Path::new("nowhere.toml")).unwrap_err().to_string().contains("nowhere.toml")
        );
    }
}
