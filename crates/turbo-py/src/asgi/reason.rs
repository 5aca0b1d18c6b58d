//! Reason phrases as Python's `http.HTTPStatus` spells them.

use http::StatusCode;
use hyper::ext::ReasonPhrase;
use pyo3::prelude::*;

/// The phrases that differ from hyper's own for the same code.
#[derive(Default)]
pub(crate) struct Reasons {
    different: Vec<(StatusCode, ReasonPhrase)>,
    unknown: Option<ReasonPhrase>,
}

impl Reasons {
    /// Compares the running Python's phrases with hyper's, once a server.
    pub(crate) fn load(py: Python<'_>) -> PyResult<Self> {
        let statuses = py.import("http")?.getattr("HTTPStatus")?;
        let mut different = Vec::new();
        for status in statuses.try_iter()? {
            let status = status?;
            let code: u16 = status.extract()?;
            let phrase: String = status.getattr("phrase")?.extract()?;
            let Ok(code) = StatusCode::from_u16(code) else { continue };
            if code.canonical_reason() != Some(phrase.as_str())
                && let Ok(phrase) = ReasonPhrase::try_from(phrase)
            {
                different.push((code, phrase));
            }
        }
        Ok(Self { different, unknown: ReasonPhrase::try_from(&b""[..]).ok() })
    }

    /// Sets the phrase where hyper would write another one.
    pub(crate) fn apply<B>(&self, response: &mut http::Response<B>) {
        let status = response.status();
        if status == StatusCode::OK {
            return;
        }
        let phrase = match self.different.iter().find(|(code, _)| *code == status) {
            Some((_, phrase)) => Some(phrase),
            None if status.canonical_reason().is_none() => self.unknown.as_ref(),
            None => None,
        };
        if let Some(phrase) = phrase {
            response.extensions_mut().insert(phrase.clone());
        }
    }
}
