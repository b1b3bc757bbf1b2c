//! Names of endpoints become addresses here, and are checked where they are used: a connection is made to the addresses
//! that were checked, so nothing can change between the check and the connection.
//!
//! An endpoint that is an address itself is never looked up, and so needs no permission: its manifest names it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use hyper_util::client::legacy::connect::dns;
use ipnet::IpNet;
use pai_bundle::name::QualifiedName;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::Service;

use super::special::{Special, special};
use crate::snapshot::Upstream;

/// Asks somebody for the addresses of a name.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// Every address of it, in the order in which they are to be tried.
    fn lookup(&self, name: &str) -> LookingUp;
}

/// An answer to wait for.
pub type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Asks the system: its files, its name servers, its search domains.
#[derive(Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> LookingUp {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The names that a gateway may look up, and where they may lead.
#[derive(Debug)]
pub(crate) struct Names {
    lookup: Arc<dyn Lookup>,
    /// By the endpoints of the bundle in force; a name that is in none may lead to public addresses.
    endpoints: ArcSwap<HashMap<String, Endpoint>>,
    /// Whose names those are that are in none.
    others: Endpoint,
    /// Names of the proxies in the environment, which whoever set them trusts.
    proxies: Vec<String>,
}

/// Whose endpoint has a name, and which networks it may lead to besides public ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Endpoint {
    /// A guard's.
    guard: Option<QualifiedName>,
    providers: Vec<QualifiedName>,
    networks: Vec<IpNet>,
}

/// A name leads nowhere.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    /// Nobody knows it.
    #[error("`{name}` cannot be looked up: {cause}")]
    Failed { name: String, cause: io::Error },
    /// It is known, and has no address.
    #[error("`{name}` has no address")]
    NoAddress { name: String },
    /// It leads where it may not.
    #[error("{0}")]
    Refused(Box<RefusedAddress>),
}

/// An address to which a name may not lead.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RefusedAddress {
    guard: Option<QualifiedName>,
    providers: Vec<QualifiedName>,
    name: String,
    address: IpAddr,
    special: Special,
}

impl Names {
    /// Asks `lookup`; what `environment` has as proxies is not checked.
    pub(crate) fn new(lookup: Arc<dyn Lookup>, environment: impl Fn(&str) -> Option<String>) -> Self {
        let others = Endpoint::default();
        Self { lookup, endpoints: ArcSwap::default(), others, proxies: proxies(environment) }
    }

    /// For a guard's own client. Its name may lead to public addresses and into these networks; proxies are as in
    /// [`Self::new`].
    pub(crate) fn of_guard(
        binding: &QualifiedName,
        networks: &[IpNet],
        lookup: Arc<dyn Lookup>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let others =
            Endpoint { guard: Some(binding.clone()), networks: networks.to_vec(), ..Endpoint::default() };
        Self { others, ..Self::new(lookup, environment) }
    }

    /// The names of the proxies that connections may go through.
    pub(crate) fn proxies(&self) -> &[String] {
        &self.proxies
    }

    /// From now on these endpoints count. What two providers of the same host list counts for both: they share their
    /// connections too.
    pub(crate) fn follow<'a>(&self, upstreams: impl Iterator<Item = &'a Upstream>) {
        let mut endpoints: HashMap<String, Endpoint> = HashMap::new();
        for Upstream { provider, endpoint, .. } in upstreams {
            let Some(host) = endpoint.base().host_str() else { continue };
            let known = endpoints.entry(plain(host)).or_default();
            known.providers.push(provider.name.clone());
            known.providers.sort_unstable();
            known.networks.extend(&provider.endpoint_networks);
        }
        self.endpoints.store(Arc::new(endpoints));
    }

    /// `None` where every address will do.
    fn rules(&self, host: &str) -> Option<Endpoint> {
        let endpoints = self.endpoints.load();
        match endpoints.get(host) {
            Some(endpoint) => Some(endpoint.clone()),
            None if self.proxies.iter().any(|proxy| proxy == host) => None,
            None => Some(self.others.clone()),
        }
    }
}

/// As hyper's connector asks.
#[derive(Debug, Clone)]
pub(crate) struct Resolver(pub(crate) Arc<Names>);

impl Service<dns::Name> for Resolver {
    type Response = Addrs;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Resolving {
        self.0.addresses(name.as_str())
    }
}

/// As reqwest asks.
impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        self.addresses(name.as_str())
    }
}

impl Names {
    /// The addresses that may be connected to under that name.
    fn addresses(&self, name: &str) -> Resolving {
        let host = plain(name);
        if is_this_machine(&host) {
            let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            return Box::pin(ready(Ok(sockets(loopback.to_vec()))));
        }
        let rules = self.rules(&host);
        let looking_up = self.lookup.lookup(name);
        Box::pin(async move {
            let found = match looking_up.await {
                Ok(found) if found.is_empty() => return Err(ResolveError::NoAddress { name: host }.into()),
                Ok(found) => found,
                Err(cause) => return Err(ResolveError::Failed { name: host, cause }.into()),
            };
            match rules {
                Some(endpoint) => Ok(sockets(endpoint.checked(&host, found)?)),
                None => Ok(sockets(found)),
            }
        })
    }
}

impl Endpoint {
    /// The addresses that may be connected to. Where a name has others besides, those are left out.
    fn checked(&self, name: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, ResolveError> {
        let mut allowed = Vec::new();
        let mut first_refused = None;
        for address in found {
            match self.refuses(address) {
                None => allowed.push(address),
                Some(special) => {
                    let (guard, providers) = (self.guard.clone(), self.providers.clone());
                    let refused =
                        RefusedAddress { guard, providers, name: name.to_owned(), address, special };
                    tracing::warn!(
                        event = "upstream.address_refused", providers = %refused.providers(), name, %address,
                        "{refused}"
                    );
                    first_refused.get_or_insert(refused);
                }
            }
        }
        match first_refused {
            Some(refused) if allowed.is_empty() => Err(ResolveError::Refused(refused.into())),
            _ => Ok(allowed),
        }
    }

    /// What the address is that must not be connected to. Listing a network that has a metadata service in it, such as
    /// 0.0.0.0/0, does not mean that service.
    fn refuses(&self, address: IpAddr) -> Option<Special> {
        let special = special(address)?;
        let is_listed = self.networks.iter().any(|network| network.contains(&address));
        (!is_listed || !matches!(special, Special::Network(_))).then_some(special)
    }
}

impl RefusedAddress {
    fn providers(&self) -> String {
        let names: Vec<String> = self.providers.iter().map(ToString::to_string).collect();
        names.join(", ")
    }
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guard, providers, name, address, special } = self;
        if let Some(guard) = guard {
            write!(f, "`{name}`, the endpoint of GuardBinding {guard}, leads to {address}, ")?;
            return match special {
                Special::Network(what) => {
                    write!(
                        f,
                        "{what}; if that is meant, list its network in spec.classifier.endpointNetworks"
                    )
                }
                Special::Metadata => write!(
                    f,
                    "a cloud's metadata service, where no name may lead; spec.classifier.endpointNetworks does not \
                     change that"
                ),
                Special::NoHost(what) => write!(f, "{what}, which cannot be connected to"),
            };
        }
        match providers.as_slice() {
            [] => write!(f, "`{name}`")?,
            [_] => write!(f, "`{name}`, the endpoint of provider {},", self.providers())?,
            [_, _, ..] => write!(f, "`{name}`, the endpoint of providers {},", self.providers())?,
        }
        match special {
            Special::Network(what) => write!(
                f,
                " leads to {address}, {what}; if that is meant, list its network in the provider's \
                 spec.endpointNetworks"
            ),
            Special::Metadata => write!(
                f,
                " leads to {address}, a cloud's metadata service, where no name may lead; spec.endpointNetworks does \
                 not change that"
            ),
            Special::NoHost(what) => {
                write!(f, " leads to {address}, {what}, which cannot be connected to")
            }
        }
    }
}

/// As names are compared: `a.example.` is `a.example`, and letters have no case.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Names that lead to the machine itself, whatever a name server says of them (RFC 6761, 6.3).
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// The port is the URL's.
fn sockets(addresses: Vec<IpAddr>) -> Addrs {
    Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)))
}

/// Where the environment names proxies.
pub(crate) const PROXY_VARIABLES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The hosts of the proxies that reqwest takes from the environment.
fn proxies(environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut hosts: Vec<String> = PROXY_VARIABLES
        .into_iter()
        .filter_map(environment)
        .filter_map(|value| {
            let url = if value.contains("://") { value } else { format!("http://{value}") };
            Url::parse(&url).ok()?.host_str().map(plain)
        })
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}
