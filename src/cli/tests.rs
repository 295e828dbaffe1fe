//! The command line's shape.

use super::*;
use clap::CommandFactory;

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn what_is_wrong_is_a_matter_of_usage() {
    let id = "0".repeat(64);
    let parse =
        |line: &str| Arguments::try_parse_from(line.split(' ')).map(drop).map_err(|error| error.exit_code());
    for good in [
        "weft key new a.key",
        "weft device enrol --key a.key --role sensor --registrar r.key --valid-days 3",
        "weft sensor send --key a.key hr=61 spo2=0.97:/",
        "weft sensor send --key a.key hr=61 --wait-final",
        "weft sensor send --key a.key --wait-final=5 hr=61",
        "weft commits --limit 1000 --json",
        "weft events --kind final,commit --of reading --after 17-3 --json",
        "weft sensor replay a.csv --key a.key --speed max --batch 50 --keep-time --unit hr=V --json",
        "weft sensor load --devices 64 --count 1000 --rate 0.5 --batch 50 --presign --ids f --data d --json",
        &format!("weft show {id} --wire"),
        "weft tips --count 64 --api http://127.0.0.1:1",
    ] {
        assert_eq!(parse(good), Ok(()), "{good}");
    }
    for bad in [
        "weft",
        "weft key new",
        "weft device enrol --key a.key --role doctor",
        "weft sensor send --key a.key",
        "weft sensor send --key a.key hr",
        "weft sensor replay a.csv --key a.key --speed -1",
        "weft sensor replay a.csv --key a.key --unit hr",
        "weft sensor load --devices 64",
        "weft sensor load --devices x --count 1",
        "weft show 12",
        &format!("weft show {id} --wire --json"),
        "weft tips --count 65",
        "weft commits --limit 1001",
        "weft events --device x",
        "weft sensor send --key a.key --wait-final=soon hr=61",
    ] {
        assert_eq!(parse(bad), Err(2), "{bad}");
    }
}
