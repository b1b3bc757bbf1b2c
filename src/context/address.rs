//! The URL of a gateway, as people type it and as clients need it: no path of an API, no credential, nothing to quote.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// A gateway's URL: scheme, host, port, and a path where it lies behind one; never with a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
}

/// It is no gateway's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// Nothing that a URL could be made of.
    #[error("`{0}` is not a gateway's URL; write https://gateway.example.com, or the host alone")]
    NoUrl(String),
    /// Another scheme.
    #[error("`{0}` is no scheme of a gateway; write https://… or http://…")]
    Scheme(String),
    /// `https://key@host`: URLs end up in logs.
    #[error("leave the credential out of the URL; it is asked for, or read with --stdin")]
    Credential,
    /// A query or a fragment.
    #[error("a gateway's URL ends before `?` and `#`")]
    Tail,
    /// What would have to be quoted in shells and settings.
    #[error("the path `{0}` has other characters than letters, digits, and - . _ ~ /")]
    Path(String),
}

/// What clients put behind a base URL by themselves, so what people paste with it.
const API_PATHS: [&str; 3] = ["/ext/v1", "/ext", "/v1"];

impl FromStr for Address {
    type Err = AddressError;

    /// A bare host gets `https://`; a raw IP address and `localhost` get `http://`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let no_url = || AddressError::NoUrl(text.to_owned());
        let whole = if text.contains("://") { text.to_owned() } else { with_scheme(text) };
        let mut url = Url::parse(&whole).map_err(|_| no_url())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(no_url());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credential);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Tail);
        }
        let path = url.path().trim_end_matches('/');
        let path = API_PATHS.iter().find_map(|api| path.strip_suffix(api)).unwrap_or(path).to_owned();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !path.bytes().all(is_plain) {
            return Err(AddressError::Path(path));
        }
        url.set_path(&path);
        Ok(Self { url })
    }
}

fn with_scheme(text: &str) -> String {
    if let Ok(IpAddr::V6(bare)) = text.parse() {
        return format!("http://[{bare}]");
    }
    let authority = text.split(['/', '?', '#']).next().unwrap_or(text);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_here = host.eq_ignore_ascii_case("localhost");
    let scheme = if is_here || inner.parse::<IpAddr>().is_ok() { "http" } else { "https" };
    format!("{scheme}://{text}")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl Address {
    /// A path below it, which begins with a slash.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// Host and port as typed: what a context is called where no name is given.
    pub(crate) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The host alone.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether what is sent there can be read on the way.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether nothing that is sent there leaves this machine.
    pub(crate) fn is_this_machine(&self) -> bool {
        let host = self.host();
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host.eq_ignore_ascii_case("localhost") || inner.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_a_base_url() {
        for (typed, meant) in [
            ("gateway.example.com", "https://gateway.example.com"),
            ("gateway.example.com:8443", "https://gateway.example.com:8443"),
            ("gateway.example.com/llm/", "https://gateway.example.com/llm"),
            ("localhost", "http://localhost"),
            ("LOCALHOST:8080", "http://localhost:8080"),
            ("localhost.example.com", "https://localhost.example.com"),
            ("10.0.0.7", "http://10.0.0.7"),
            ("10.0.0.7:8080/", "http://10.0.0.7:8080"),
            ("::1", "http://[::1]"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("http://gateway.example.com", "http://gateway.example.com"),
            ("https://10.0.0.7", "https://10.0.0.7"),
            (" https://gateway.example.com/ext ", "https://gateway.example.com"),
            ("https://gateway.example.com/ext/v1/", "https://gateway.example.com"),
            ("https://gateway.example.com/llm/v1", "https://gateway.example.com/llm"),
        ] {
            assert_eq!(
                typed.parse::<Address>().map(|address| address.to_string()),
                Ok(meant.to_owned()),
                "{typed}"
            );
        }
    }

    #[test]
    fn what_is_no_gateway_is_said() {
        for (typed, error) in [
            ("", AddressError::NoUrl(String::new())),
            ("two words", AddressError::NoUrl("two words".to_owned())),
            ("https://", AddressError::NoUrl("https://".to_owned())),
            ("ftp://gateway", AddressError::Scheme("ftp".to_owned())),
            ("https://pak_x@gateway", AddressError::Credential),
            ("https://gateway/?a=b", AddressError::Tail),
            ("https://gateway/#a", AddressError::Tail),
            ("https://gateway/$(id)", AddressError::Path("/$(id)".to_owned())),
            ("https://gateway/a'b", AddressError::Path("/a'b".to_owned())),
        ] {
            assert_eq!(typed.parse::<Address>(), Err(error), "{typed}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for (typed, here) in
            [("localhost:1", true), ("[::1]:1", true), ("127.0.0.9", true), ("10.0.0.1", false)]
        {
            assert_eq!(
                typed.parse::<Address>().map(|address| address.is_this_machine()),
                Ok(here),
                "{typed}"
            );
        }
    }
}
