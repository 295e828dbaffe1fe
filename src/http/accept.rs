//! Which of several media types a client prefers (RFC 9110 §12.5.1).

use super::problem::{Kind, Problem};

/// The media ranges that are looked at; whoever sends more is answered by the first ones.
const MEDIA_RANGES: usize = 32;

/// The first of `offered` that the `Accept` header likes best; without a header, the first one.
///
/// # Errors
/// 406 with what is offered, when none is acceptable.
pub fn choose(accept: Option<&str>, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let Some(accept) = accept else { return Ok(offered[0]) };
    let mut best: Option<(&'static str, u16)> = None;
    for media_type in offered {
        let quality = quality(accept, media_type);
        if quality > best.map_or(0, |(_, best)| best) {
            best = Some((media_type, quality));
        }
    }
    best.map(|(media_type, _)| media_type).ok_or_else(|| {
        Problem::new(Kind::NotAcceptable, format!("This call can answer as {}.", offered.join(" or ")))
    })
}

/// The quality, in thousandths, of the most specific range that matches.
fn quality(accept: &str, media_type: &str) -> u16 {
    let general = media_type.split_once('/').map_or(media_type, |(general, _)| general);
    let mut best = (0, 0);
    for range in accept.split(',').take(MEDIA_RANGES) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specificity = match name {
            "*/*" => 1,
            _ if name.strip_suffix("/*").is_some_and(|prefix| prefix.eq_ignore_ascii_case(general)) => 2,
            _ if name.eq_ignore_ascii_case(media_type) => 3,
            _ => continue,
        };
        let weight =
            parts.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
        if specificity > best.0 {
            best = (specificity, (weight * 1000.0) as u16);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_type_is_chosen() {
        const JSON: &str = "application/json";
        const WIRE: &str = "application/octet-stream";
        let chosen = |accept| choose(accept, &[JSON, WIRE]).ok();
        assert_eq!(chosen(None), Some(JSON));
        assert_eq!(chosen(Some("*/*")), Some(JSON));
        assert_eq!(chosen(Some("application/octet-stream")), Some(WIRE));
        assert_eq!(chosen(Some("application/*")), Some(JSON));
        assert_eq!(chosen(Some("application/json;q=0.1, application/octet-stream")), Some(WIRE));
        assert_eq!(chosen(Some("*/*;q=0.5, application/json;q=0")), Some(WIRE));
        assert_eq!(chosen(Some("text/html")), None);
        assert_eq!(chosen(Some("")), None);
        assert_eq!(chosen(Some("application/json;q=x")), None);
    }
}
