//! What answers come to, without any node.

use super::*;
use weft_tangle::{NetworkId, Timestamp};

fn id(number: u64) -> TxId {
    TxId::of(&NetworkId::from_bytes([1; 32]), Timestamp::from_millis(number), &[0; 160])
}

fn answer(status: u16, body: &str) -> Answer<'_> {
    Answer { status, retry_after: None, body: body.as_bytes() }
}

fn refused(reason: &str) -> Verdict {
    Verdict::Refused(reason.into())
}

#[test]
fn one_transaction_has_one_verdict() {
    let good = format!(r#"{{"id":"{}","status":"attached"}}"#, id(1));
    let problem = |slug: &str| format!(r#"{{"type":"urn:weft:problem:{slug}","detail":"x"}}"#);
    let of = |status, body: &str| of_one(&answer(status, body), &[id(1)]);
    assert_eq!(of(201, &good), Ok(vec![Verdict::Accepted { is_new: true }]));
    assert_eq!(of(200, &good), Ok(vec![Verdict::Accepted { is_new: false }]));
    assert_eq!(of(422, &problem("pow")), Ok(vec![refused("pow")]));
    assert_eq!(of(503, &problem("overloaded")), Ok(vec![Verdict::Busy(None)]));
    assert_eq!(of(408, &problem("request-timeout")), Ok(vec![Verdict::Busy(None)]));
    assert_eq!(of(429, ""), Ok(vec![Verdict::Busy(None)]));
    assert_eq!(of(502, "<html>"), Ok(vec![refused("http-502")]));
    assert_eq!(of(404, &problem("")), Ok(vec![refused("http-404")]));
    assert!(of(201, "{}").unwrap_err().contains("not understood"));
    let other = format!(r#"{{"id":"{}","status":"attached"}}"#, id(2));
    assert!(of(201, &other).unwrap_err().contains("was not sent"));
}

#[test]
fn a_batch_has_a_verdict_each() {
    let body = format!(
        r#"{{"results":[{{"id":"{}","status":"attached"}},
        {{"problem":{{"type":"urn:weft:problem:signature","status":422}}}},
        {{"problem":{{"type":"urn:weft:problem:overloaded","status":503,"retry_after":7}}}}]}}"#,
        id(1)
    );
    let ids = [id(1), id(2), id(3)];
    let verdicts = of_batch(&answer(200, &body), &ids).unwrap();
    assert_eq!(verdicts, [Verdict::Accepted { is_new: true }, refused("signature"), Verdict::Busy(Some(7))]);
    assert!(of_batch(&answer(200, &body), &ids[..2]).unwrap_err().contains("3 results for 2"));
    assert!(of_batch(&answer(200, &body), &[id(9), id(2), id(3)]).is_err());
    let whole = of_batch(&answer(413, r#"{"type":"urn:weft:problem:too-large"}"#), &ids).unwrap();
    assert_eq!(whole, [refused("too-large"), refused("too-large"), refused("too-large")]);
}
