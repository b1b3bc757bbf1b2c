//! Formats that no pattern says well, as functions.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::manifest::quantity::Moment;

pub(super) fn is_cidr(text: &str) -> bool {
    text.parse::<IpNet>().is_ok()
}

pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

pub(super) fn is_moment(text: &str) -> bool {
    Moment::try_from(text.to_owned()).is_ok()
}

/// A base URL: scheme, host, perhaps a port and a path. What would be lost or leaked when a path is appended is
/// refused: query, fragment, user and password.
pub(super) fn is_http_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let host = rest.split('/').next().unwrap_or_default();
    let printable = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    printable && !name.is_empty() && port_fits && !rest.contains(['?', '#', '@', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_have_a_scheme_a_host_and_nothing_behind_the_path() {
        for good in [
            "https://api.example.com",
            "http://localhost:8000/v1",
            "http://[::1]:8000/v1/",
            "http://[::1]/v1",
        ] {
            assert!(is_http_url(good), "{good}");
        }
        for bad in [
            "api.example.com",
            "https://",
            "https://a b",
            "ftp://a",
            "https://u:p@a",
            "https://a?x=1",
            "https://a:99999",
        ] {
            assert!(!is_http_url(bad), "{bad}");
        }
    }
}
