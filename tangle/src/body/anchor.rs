//! Kind 7: a document that is kept elsewhere, named so that nobody can exchange it unseen.

use crate::{Digest, Malformed, codec::Reader, limits::MEDIA_TYPE_BYTES};

/// What is anchored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// BLAKE2s-256 of the document.
    pub digest: Digest,
    /// The document's length in bytes.
    pub size: u64,
    /// The document's media type (RFC 6838), such as `application/dicom`.
    pub media_type: String,
}

impl Anchor {
    /// The content of the transaction's body.
    ///
    /// # Errors
    /// The media type is not `type/subtype` in printable ASCII, or too long.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let length = check_media_type(&self.media_type)?;
        let mut bytes = Vec::with_capacity(41 + self.media_type.len());
        bytes.extend_from_slice(&self.digest.0);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.push(length);
        bytes.extend_from_slice(self.media_type.as_bytes());
        Ok(bytes)
    }

    /// Reads the content of an anchor's body.
    pub fn decode(content: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the anchor", content);
        let digest = Digest(*reader.array()?);
        let size = reader.u64()?;
        let length = reader.u8()?;
        let media_type = String::from_utf8_lossy(reader.bytes(length.into())?).into_owned();
        reader.end()?;
        check_media_type(&media_type)?;
        Ok(Self { digest, size, media_type })
    }
}

/// Returns the length, which fits its byte.
fn check_media_type(text: &str) -> Result<u8, Malformed> {
    let allowed = |c: u8| c.is_ascii_graphic() || c == b' ';
    let named = text.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    let problem = "must be type/subtype in printable ASCII, at most 255 bytes, such as application/pdf";
    u8::try_from(text.len())
        .ok()
        .filter(|length| usize::from(*length) <= MEDIA_TYPE_BYTES && named && text.bytes().all(allowed))
        .ok_or(Malformed::Field { field: "media type", problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_come_back(head: [u8; 40], media in "[a-z]{0,5}/?[ -~]{0,9}", slack in 0u8..3, tail in 0usize..2) {
            let mut bytes = head.to_vec();
            bytes.push((media.len() as u8 + slack).saturating_sub(1));
            bytes.extend_from_slice(media.as_bytes());
            bytes.resize(bytes.len() + tail, b'x');
            if let Ok(anchor) = Anchor::decode(&bytes) {
                prop_assert_eq!(anchor.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn a_media_type_has_two_names() {
        let anchor = |media_type: &str| {
            Anchor { digest: Digest([1; 32]), size: 2, media_type: media_type.into() }.encode()
        };
        assert!(anchor("application/dicom").is_ok());
        for bad in ["", "pdf", "/pdf", "application/", "text/h\u{e4}", "text/a\n"] {
            assert!(anchor(bad).is_err(), "{bad}");
        }
    }
}
