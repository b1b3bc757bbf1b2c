//! A refusal, before an API has worded it.

/// What is refused and why.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The kind of error, where it is not what the status says.
    pub(crate) kind: Option<String>,
    /// The field of the request that is wrong, for APIs that name it.
    pub(crate) param: Option<String>,
    /// A word for programs, for APIs that have one beside the kind.
    pub(crate) code: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: None, param: None, code: None }
    }

    pub(crate) fn kind(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    pub(crate) fn param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    pub(crate) fn code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }
}
