//! A loaded bundle: authorizer, providers and credentials, built once and shared by every request that it decides.

use std::collections::HashMap;

use pai_bundle::Bundle;
use pai_bundle::codec::{self, DecodeError};
use pai_bundle::digest::Digest;
use pai_bundle::guard::{Enforcement, GuardUse};
use pai_bundle::limit::{CostLimit, Limit, Scope};
use pai_bundle::name::{PolicyId, QualifiedName};
use pai_bundle::origin::{Origin, Places};
use pai_bundle::principal::{AccessKey, Agent, RateLimits};
use pai_bundle::provider::Provider;
use pai_bundle::unit::UnixSeconds;
use pai_ledger::{Account, Caps, Unit};
use pai_policies::candidate::Directory;
use pai_policies::{Authorizer, LoadError, Principal};
use secrecy::SecretString;

use crate::secret::{SecretError, Secrets};
use crate::token::{Pepper, StoredDigest, TokenKind};

/// A bundle cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Its bytes are wrong.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its policies are wrong.
    #[error(transparent)]
    Policies(#[from] LoadError),
    /// It cannot be encoded again, to give it a digest.
    #[error(transparent)]
    Encode(#[from] codec::EncodeError),
    /// A key or the pepper cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A provider's base URL is none.
    #[error("provider {provider} has endpoint `{endpoint}`, which is not a URL")]
    Endpoint {
        /// The provider.
        provider: QualifiedName,
        /// What it says.
        endpoint: String,
    },
    /// A credential's digest is not one of ours.
    #[error("{holder} has a credential `{id}` whose digest is not of the form hmac-sha256:PEPPER:HEX")]
    Digest {
        /// Whose.
        holder: String,
        /// Its public id.
        id: String,
    },
    /// Two principals have credentials with one public id.
    #[error("credential id `{0}` is used twice")]
    RepeatedCredential(String),
    /// A guard would have to be enforced and this gateway has no guards: serving would leave requests unchecked.
    #[error(
        "{holder} enforces guard `{binding}`, and this version of the gateway cannot run guards; set its \
         enforcement to audit, or detach it"
    )]
    Guard {
        /// Who attaches it.
        holder: String,
        /// Which.
        binding: String,
    },
}

/// What a bundle says, ready for requests. Immutable; a new bundle is a new snapshot.
pub struct Snapshot {
    /// The bundle's digest, named in every record.
    pub digest: Digest,
    /// Who may do what.
    pub authorizer: Authorizer,
    providers: HashMap<QualifiedName, Upstream>,
    agents: HashMap<QualifiedName, Agent>,
    access_keys: HashMap<QualifiedName, AccessKey>,
    limits: HashMap<(Scope, QualifiedName), Limit>,
    cost_limits: HashMap<(Scope, QualifiedName), CostLimit>,
    credentials: HashMap<String, Held>,
    pepper: Pepper,
}

/// A provider with its real key.
pub struct Upstream {
    /// As compiled.
    pub provider: Provider,
    /// Its base URL, parsed once.
    pub endpoint: reqwest::Url,
    /// The key; `None` where the provider needs none.
    pub key: Key,
}

/// Whether a provider can be asked.
pub enum Key {
    /// No key is needed.
    NotNeeded,
    /// This one.
    Found(SecretString),
    /// The manifest names one that no place has.
    Missing,
}

/// Who holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An agent.
    Agent(QualifiedName),
    /// A person, a laptop, a CI job.
    AccessKey(QualifiedName),
}

impl Holder {
    /// As the authorizer names it.
    pub fn as_principal(&self) -> Principal<'_> {
        match self {
            Self::Agent(name) => Principal::Agent(name),
            Self::AccessKey(name) => Principal::AccessKey(name),
        }
    }

    /// Namespace and name.
    pub fn name(&self) -> &QualifiedName {
        match self {
            Self::Agent(name) | Self::AccessKey(name) => name,
        }
    }
}

/// A credential as looked up.
pub struct Held {
    /// Whose it is.
    pub holder: Holder,
    /// What a presented token must match.
    pub digest: StoredDigest,
    /// Not good from then on.
    pub expires: Option<UnixSeconds>,
    /// Which form of token may claim it.
    pub kind: TokenKind,
}

impl Snapshot {
    /// From a bundle in memory.
    pub fn of(bundle: Bundle, secrets: &Secrets) -> Result<Self, SnapshotError> {
        let (_, digest) = codec::encode(&bundle)?;
        Self::build(bundle, digest, secrets)
    }

    /// From a bundle whose digest is known.
    pub(crate) fn build(bundle: Bundle, digest: Digest, secrets: &Secrets) -> Result<Self, SnapshotError> {
        let authorizer = Authorizer::new(&bundle)?;
        let pepper = secrets.pepper()?;
        let credentials = credentials(&bundle, &pepper)?;
        for provider in &bundle.providers {
            runnable(&provider.guards, || format!("ModelProvider {}", provider.name))?;
        }
        for agent in &bundle.agents {
            runnable(&agent.guards, || format!("Agent {}", agent.name))?;
        }
        let mut providers = HashMap::new();
        for provider in bundle.providers {
            let key = match &provider.api_key {
                None => Key::NotNeeded,
                Some(wanted) => secrets.find(wanted)?.map_or(Key::Missing, Key::Found),
            };
            if let (Key::Missing, Some(wanted)) = (&key, &provider.api_key) {
                tracing::warn!(
                    event = "secret.missing", provider = %provider.name, secret = %wanted.name, key = %wanted.key,
                    looked_in = %secrets.describe(), "requests for this provider will be refused"
                );
            }
            let endpoint = provider.endpoint.parse().map_err(|_| SnapshotError::Endpoint {
                provider: provider.name.clone(),
                endpoint: provider.endpoint.clone(),
            })?;
            providers.insert(provider.name.clone(), Upstream { provider, endpoint, key });
        }
        Ok(Self {
            digest,
            authorizer,
            providers,
            agents: bundle.agents.into_iter().map(|agent| (agent.name.clone(), agent)).collect(),
            access_keys: bundle.access_keys.into_iter().map(|key| (key.name.clone(), key)).collect(),
            limits: bundle
                .limits
                .into_iter()
                .map(|limit| ((limit.scope, limit.name.clone()), limit))
                .collect(),
            cost_limits: bundle
                .cost_limits
                .into_iter()
                .map(|limit| ((limit.scope, limit.name.clone()), limit))
                .collect(),
            credentials,
            pepper,
        })
    }

    /// The provider of that name.
    pub fn provider(&self, name: &QualifiedName) -> Option<&Upstream> {
        self.providers.get(name)
    }

    /// Every provider, in no order.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.providers.values()
    }

    /// The agent of that name.
    pub fn agent(&self, name: &QualifiedName) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// The access key of that name.
    pub fn access_key(&self, name: &QualifiedName) -> Option<&AccessKey> {
        self.access_keys.get(name)
    }

    /// The policy that states an account's daily budget, and where it was written.
    pub(crate) fn budget(
        &self,
        scope: Scope,
        name: &QualifiedName,
        unit: Unit,
    ) -> Option<(&PolicyId, &Origin)> {
        let account = (scope, name.clone());
        match unit {
            Unit::Tokens => self.limits.get(&account).map(|limit| (&limit.policy, &limit.origin)),
            Unit::NanoUsd => self.cost_limits.get(&account).map(|limit| (&limit.policy, &limit.origin)),
        }
    }

    /// What an account may come to in its day.
    pub(crate) fn caps(&self, account: &Account) -> Caps {
        let Ok(name) = account.name.parse() else { return Caps::NONE };
        let key = (account.scope, name);
        Caps {
            tokens: self.limits.get(&key).map(|limit| limit.tokens_per_day),
            cost: self.cost_limits.get(&key).map(|limit| limit.nano_usd_per_day),
        }
    }

    /// Whether that principal is still in it.
    pub(crate) fn knows(&self, holder: &Holder) -> bool {
        match holder {
            Holder::Agent(name) => self.agents.contains_key(name),
            Holder::AccessKey(name) => self.access_keys.contains_key(name),
        }
    }

    /// The credential with that public id.
    pub fn credential(&self, id: &str) -> Option<&Held> {
        self.credentials.get(id)
    }

    /// The key of token digests.
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// A principal's limits on the rate of its requests, and where its manifest is.
    pub fn rate_limits(&self, holder: &Holder) -> Option<(RateLimits, &Places)> {
        match holder {
            Holder::Agent(name) => self.agents.get(name).map(|agent| (agent.rate_limits, &agent.places)),
            Holder::AccessKey(name) => self.access_keys.get(name).map(|key| (key.rate_limits, &key.places)),
        }
    }
}

impl Directory for Snapshot {
    fn provider(&self, name: &QualifiedName) -> Option<&Provider> {
        self.providers.get(name).map(|upstream| &upstream.provider)
    }

    fn agent(&self, name: &QualifiedName) -> Option<&Agent> {
        self.agents.get(name)
    }

    fn access_key(&self, name: &QualifiedName) -> Option<&AccessKey> {
        self.access_keys.get(name)
    }
}

/// Every credential by its public id.
fn credentials(bundle: &Bundle, pepper: &Pepper) -> Result<HashMap<String, Held>, SnapshotError> {
    let agents = bundle
        .agents
        .iter()
        .map(|agent| (Holder::Agent(agent.name.clone()), TokenKind::Agent, &agent.credentials));
    let keys = bundle
        .access_keys
        .iter()
        .map(|key| (Holder::AccessKey(key.name.clone()), TokenKind::AccessKey, &key.credentials));
    let mut all = HashMap::new();
    for (holder, kind, credentials) in agents.chain(keys) {
        for credential in credentials {
            let who = holder.as_principal().describe();
            let digest = StoredDigest::parse(&credential.digest)
                .ok_or_else(|| SnapshotError::Digest { holder: who.clone(), id: credential.id.clone() })?;
            if digest.pepper != pepper.id() {
                tracing::warn!(
                    event = "credential.foreign_pepper", holder = %who, id = %credential.id,
                    "this credential was made with another pepper and will never be accepted here"
                );
            }
            let held = Held { holder: holder.clone(), digest, expires: credential.expires, kind };
            if all.insert(credential.id.clone(), held).is_some() {
                return Err(SnapshotError::RepeatedCredential(credential.id.clone()));
            }
        }
    }
    Ok(all)
}

/// A guard that is enforced must run; nothing may pass unchecked because a check is missing.
fn runnable(guards: &[GuardUse], holder: impl Fn() -> String) -> Result<(), SnapshotError> {
    for guard in guards {
        match guard.enforcement {
            Enforcement::Enforce => {
                return Err(SnapshotError::Guard { holder: holder(), binding: guard.binding.clone() });
            }
            Enforcement::Audit => tracing::warn!(
                event = "guard.not_run", holder = %holder(), binding = %guard.binding,
                "this version of the gateway cannot run guards; nothing is audited"
            ),
        }
    }
    Ok(())
}
