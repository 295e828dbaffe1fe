//! The catalogue of what can go wrong.
//!
//! A kind's slug, status and title never change within an API version.

use warp::http::StatusCode;

/// Makes the enum and its table in one place, so that a kind cannot lack a row.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident $slug:literal $title:literal,)+) => {
        /// What can go wrong, as far as a client can tell the difference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The last part of its `type`, `urn:weft:problem:<slug>`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            /// Its fixed title.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

kinds! {
    /// The bytes are not what the call expects: not HTTP, not a transaction in wire form.
    Malformed = BAD_REQUEST "malformed" "The request is malformed",
    /// A query parameter or path segment has a wrong value.
    BadRequest = BAD_REQUEST "bad-request" "A parameter is wrong",
    /// No enrolment known here permits the issuer.
    NotEnrolled = UNAUTHORIZED "not-enrolled" "The issuer is not enrolled",
    /// The issuer's role may not do this.
    Role = FORBIDDEN "role" "The issuer's role does not permit this",
    /// No such path, transaction or device.
    NotFound = NOT_FOUND "not-found" "Not found",
    /// The path exists, for other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed" "Method not allowed",
    /// None of the media types in `Accept` can be given.
    NotAcceptable = NOT_ACCEPTABLE "not-acceptable" "No acceptable media type",
    /// The request did not arrive in time.
    RequestTimeout = REQUEST_TIMEOUT "request-timeout" "The request took too long to arrive",
    /// A control transaction contradicts an earlier one of the same counter.
    Equivocation = CONFLICT "equivocation" "The issuer used this counter before",
    /// The body was erased, for ever.
    Erased = GONE "erased" "The body was erased",
    /// The body is larger than the call takes.
    TooLarge = PAYLOAD_TOO_LARGE "too-large" "The body is too large",
    /// The path and query are longer than the server takes.
    UriTooLong = URI_TOO_LONG "uri-too-long" "The request target is too long",
    /// The body's media type is not the one that the call takes.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "Unsupported media type",
    /// The body is not the one that the header speaks of.
    Digest = UNPROCESSABLE_ENTITY "digest" "The body digest is not that of the body",
    /// The proof of work is too small.
    Pow = UNPROCESSABLE_ENTITY "pow" "The proof of work does not suffice",
    /// The signature does not verify.
    Signature = UNPROCESSABLE_ENTITY "signature" "The signature is not valid",
    /// Parents are missing, equal, too old or not older than the transaction.
    Parents = UNPROCESSABLE_ENTITY "parents" "The parents cannot be approved",
    /// The timestamp is outside what is taken.
    Timestamp = UNPROCESSABLE_ENTITY "timestamp" "The timestamp is out of range",
    /// The body's content is not what its content format says.
    Content = UNPROCESSABLE_ENTITY "content" "The content is not well formed",
    /// A kind of transaction that this version does not carry yet.
    KindNotYet = UNPROCESSABLE_ENTITY "kind-not-yet" "This kind of transaction is not supported yet",
    /// A kind of transaction that nodes issue themselves and never take over HTTP.
    KindNotAtDoor = UNPROCESSABLE_ENTITY "kind-not-at-door" "This kind of transaction is not taken over HTTP",
    /// The client asks for more than its share.
    TooManyRequests = TOO_MANY_REQUESTS "too-many-requests" "Too many requests",
    /// The request's head is larger or has more fields than the server takes.
    HeadTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE "head-too-large" "The request's head is too large",
    /// A fault of the node.
    Internal = INTERNAL_SERVER_ERROR "internal" "The node made a mistake",
    /// The node cannot store.
    Storage = SERVICE_UNAVAILABLE "storage" "The node cannot store at present",
    /// What was asked for, or the issuer's enrolment, is damaged on this node's disk.
    Damaged = SERVICE_UNAVAILABLE "damaged" "What the node stored is damaged",
    /// The node has more to do than it can.
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "The node is overloaded",
    /// As many clients follow events as are served at once.
    TooManySubscribers = SERVICE_UNAVAILABLE "too-many-subscribers" "Too many clients follow events",
    /// The node is stopping.
    ShuttingDown = SERVICE_UNAVAILABLE "shutting-down" "The node is shutting down",
}

impl Kind {
    /// Its `type` member: `urn:weft:problem:<slug>`.
    #[must_use]
    pub fn urn(self) -> String {
        format!("urn:weft:problem:{}", self.slug())
    }

    /// The seconds that `Retry-After` names unless the problem says otherwise: load passes soon, a restart
    /// takes a few seconds, a full disk needs a person.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::TooManyRequests | Self::Overloaded => Some(1),
            Self::ShuttingDown | Self::TooManySubscribers => Some(5),
            Self::Storage | Self::Damaged => Some(30),
            _ => None,
        }
    }
}
