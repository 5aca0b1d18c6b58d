use std::fmt::{self, Write as _};
use std::time::Duration;

use http::{Method, StatusCode, Uri, Version};

use crate::forwarded::Client;
use crate::request_id::Id;

/// What is known of a request when its response goes out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Who asked, if a layer or server further out has put it into the extensions of the request.
    pub client: Option<Client>,
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The version of HTTP.
    pub version: Version,
    /// The status of the response.
    pub status: StatusCode,
    /// From the call of the service to the head of its response.
    pub elapsed: Duration,
    /// The id of the request, if it has one.
    pub request_id: Option<Id>,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Harmless(formatter);
        match &self.client {
            Some(Client { host, port }) => write!(line, "{host}:{port}")?,
            None => line.write_char('-')?,
        }
        line.0.write_str(" - \"")?;
        write!(line, "{} {} {:?}", self.method, self.uri, self.version)?;
        write!(line.0, "\" {}", self.status.as_u16())?;
        if let Some(id) = &self.request_id {
            write!(line, " {}", id.as_str())?;
        }
        Ok(())
    }
}

/// Writes what a client has sent so that it can neither end the line nor the quotation.
struct Harmless<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Harmless<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '"' => self.0.write_str("%22")?,
                '\\' => self.0.write_str("%5C")?,
                character if character.is_control() => write!(self.0, "%{:02X}", u32::from(character))?,
                character => self.0.write_char(character)?,
            }
        }
        Ok(())
    }
}
