//! Where names lead, as somebody else says it, and what is said of where they may not.

use std::sync::Mutex;

use pai_bundle::provider::Provider;

use super::*;
use crate::live_key::LiveKey;

/// Says what it was last told to say, and counts how often it was asked.
#[derive(Debug, Default)]
struct Fake {
    says: Mutex<Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn saying(addresses: &[&str]) -> Arc<Self> {
        let fake = Self::default();
        fake.say(addresses);
        Arc::new(fake)
    }

    fn say(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().expect("an address"));
        *self.says.lock().expect("a lock") = addresses.collect();
    }
}

impl Lookup for Fake {
    fn lookup(&self, name: &str) -> LookingUp {
        self.asked.lock().expect("a lock").push(name.to_owned());
        Box::pin(ready(Ok(self.says.lock().expect("a lock").clone())))
    }
}

fn upstream(name: &str, endpoint: &str, networks: &[&str]) -> Upstream {
    let provider: Provider = serde_json::from_value(serde_json::json!({
        "name": format!("default/{name}"), "kind": "openai", "endpoint": endpoint, "allowedModels": [],
        "deniedModels": [], "models": [], "externalAccess": { "enabled": false }, "fallbacks": [], "guards": [],
        "retry": { "maxAttempts": 3, "initialBackoffMs": 200, "maxBackoffMs": 5000 },
        "endpointNetworks": networks,
        "places": { "file": "p.yaml", "document": [1, 1], "fields": {} },
    }))
    .expect("a provider");
    Upstream {
        provider,
        endpoint: endpoint.parse().expect("a URL"),
        key: LiveKey::not_needed(),
        guards: Vec::new(),
    }
}

fn names(fake: &Arc<Fake>, upstreams: &[Upstream]) -> Names {
    let names = Names::new(fake.clone(), |_| None);
    names.follow(upstreams.iter());
    names
}

/// The addresses, or what is said instead.
async fn resolve(names: &Names, host: &str) -> Result<Vec<String>, String> {
    let resolved = names.resolve(host.parse().expect("a name")).await;
    resolved
        .map(|addresses| addresses.map(|address| address.ip().to_string()).collect())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_name_leads_to_public_addresses_and_to_networks_that_its_provider_lists() {
    let table: [(&str, &[&str], bool); 16] = [
        ("160.79.104.10", &[], true),
        ("2606:4700::1", &[], true),
        ("10.1.2.3", &[], false),
        ("10.1.2.3", &["10.1.0.0/16"], true),
        ("10.2.2.3", &["10.1.0.0/16"], false),
        ("127.0.0.1", &[], false),
        ("127.0.0.1", &["127.0.0.1/32"], true),
        ("fd12::1", &["fd12::/16"], true),
        ("::ffff:10.1.2.3", &["10.0.0.0/8"], false),
        ("64:ff9b::808:808", &["64:ff9b::/96"], true),
        ("169.254.169.254", &[], false),
        ("169.254.169.254", &["169.254.0.0/16", "0.0.0.0/0"], false),
        ("64:ff9b::a9fe:a9fe", &["64:ff9b::/96"], false),
        ("168.63.129.16", &[], false),
        ("0.0.0.0", &["0.0.0.0/0"], false),
        ("224.0.0.1", &["0.0.0.0/0"], false),
    ];
    for (address, networks, allowed) in table {
        let names = names(&Fake::saying(&[address]), &[upstream("p", "http://models.example/v1", networks)]);
        let resolved = resolve(&names, "models.example").await;
        assert_eq!(resolved.is_ok(), allowed, "{address} with {networks:?}: {resolved:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_whose_endpoint_it_is_where_it_leads_and_which_field_to_set() {
    let fake = Fake::saying(&["10.1.2.3"]);
    let two = [upstream("b", "http://models.example", &[]), upstream("a", "http://models.example", &[])];
    assert_eq!(
        resolve(&names(&fake, &two[..1]), "models.example").await.expect_err("refused"),
        "`models.example`, the endpoint of provider default/b, leads to 10.1.2.3, a private address; if that is \
         meant, list its network in the provider's spec.endpointNetworks"
    );
    fake.say(&["169.254.169.254"]);
    assert_eq!(
        resolve(&names(&fake, &two), "models.example").await.expect_err("refused"),
        "`models.example`, the endpoint of providers default/a, default/b, leads to 169.254.169.254, a cloud's \
         metadata service, where no name may lead; spec.endpointNetworks does not change that"
    );
}

#[tokio::test]
async fn a_guards_name_leads_to_public_addresses_and_its_networks_and_a_refusal_says_what_to_write() {
    let fake = Fake::saying(&["10.1.2.3"]);
    let guard = "default/g".parse().expect("a name");
    let names = |networks: &[&str]| {
        let networks: Vec<IpNet> =
            networks.iter().map(|network| network.parse().expect("a network")).collect();
        Names::of_guard(&guard, &networks, fake.clone(), |_| None)
    };
    assert_eq!(
        resolve(&names(&["10.2.0.0/16"]), "guard.example").await.expect_err("refused"),
        "`guard.example`, the endpoint of GuardBinding default/g, leads to 10.1.2.3, a private address; if that \
         is meant, list its network in spec.classifier.endpointNetworks"
    );
    assert_eq!(resolve(&names(&["10.1.0.0/16"]), "guard.example").await.expect("listed"), ["10.1.2.3"]);
    fake.say(&["169.254.169.254"]);
    let refused = resolve(&names(&["169.254.0.0/16"]), "guard.example").await.expect_err("refused");
    assert!(
        refused.ends_with(
            "leads to 169.254.169.254, a cloud's metadata service, where no name may lead; \
             spec.classifier.endpointNetworks does not change that"
        ),
        "{refused}"
    );
    fake.say(&["160.79.104.10"]);
    assert_eq!(resolve(&names(&[]), "guard.example").await.expect("public"), ["160.79.104.10"]);
}

#[tokio::test]
async fn only_the_checked_ones_of_several_addresses_are_connected_to() {
    let fake = Fake::saying(&["10.0.0.1", "160.79.104.10", "127.0.0.1", "160.79.104.11"]);
    let names = names(&fake, &[upstream("p", "https://models.example", &[])]);
    let resolved = resolve(&names, "models.example").await;
    assert_eq!(resolved.expect("two"), ["160.79.104.10", "160.79.104.11"]);
}

#[tokio::test]
async fn an_answer_that_changes_after_the_check_changes_nothing() {
    let fake = Fake::saying(&["160.79.104.10"]);
    let names = names(&fake, &[upstream("p", "https://models.example", &[])]);
    let resolving = names.resolve("models.example".parse().expect("a name"));
    fake.say(&["127.0.0.1"]);
    let addresses: Vec<SocketAddr> = resolving.await.expect("allowed").collect();
    assert_eq!(addresses, ["160.79.104.10:0".parse().expect("an address")]);
    assert_eq!(fake.asked.lock().expect("a lock").len(), 1, "there is no second look-up to lie to");
    assert!(resolve(&names, "models.example").await.is_err(), "the next connection is checked again");
}

#[tokio::test]
async fn what_providers_of_one_host_list_counts_for_both_and_a_new_bundle_replaces_it() {
    let fake = Fake::saying(&["10.0.0.1", "fd00::1"]);
    let both = [
        upstream("a", "https://models.example/v1", &["10.0.0.0/8"]),
        upstream("b", "https://MODELS.example.:8443", &["fd00::/8"]),
    ];
    let names = names(&fake, &both);
    assert_eq!(resolve(&names, "models.example").await.expect("both"), ["10.0.0.1", "fd00::1"]);
    names.follow(both[1..].iter());
    assert_eq!(resolve(&names, "models.example").await.expect("one"), ["fd00::1"]);
    names.follow([].iter());
    let refused = resolve(&names, "models.example").await.expect_err("nobody's any more");
    assert!(refused.starts_with("`models.example` leads to 10.0.0.1"), "{refused}");
}

#[tokio::test]
async fn names_of_this_machine_are_not_asked_of_anybody() {
    let fake = Fake::saying(&["169.254.169.254"]);
    let names = names(&fake, &[]);
    for host in ["localhost", "LOCALHOST.", "models.localhost"] {
        assert_eq!(resolve(&names, host).await.expect("loopback"), ["127.0.0.1", "::1"], "{host}");
    }
    assert!(fake.asked.lock().expect("a lock").is_empty());
    assert!(resolve(&names, "notlocalhost").await.is_err());
}

#[tokio::test]
async fn a_proxy_of_the_environment_may_be_anywhere_unless_it_is_an_endpoint() {
    let fake = Fake::saying(&["10.0.0.1"]);
    let environment = |name: &str| match name {
        "HTTPS_PROXY" => Some("http://user:password@Proxy.corp:3128".to_owned()),
        "http_proxy" => Some("other.corp:3128".to_owned()),
        _ => None,
    };
    let names = Names::new(fake, environment);
    assert_eq!(names.proxies(), ["other.corp", "proxy.corp"]);
    assert!(resolve(&names, "proxy.corp").await.is_ok() && resolve(&names, "other.corp").await.is_ok());
    assert!(resolve(&names, "password").await.is_err());
    names.follow([upstream("p", "http://proxy.corp", &[])].iter());
    assert!(resolve(&names, "proxy.corp").await.is_err());
}

#[tokio::test]
async fn a_name_without_an_address_is_not_a_refusal() {
    let names = names(&Fake::saying(&[]), &[]);
    let said = resolve(&names, "models.example").await.expect_err("nothing");
    assert_eq!(said, "`models.example` has no address");
}
