//! A loaded bundle: authorizer, providers and credentials, built once and shared by every request that it decides.

use std::collections::HashMap;

use pai_bundle::Bundle;
use pai_bundle::codec::{self, DecodeError};
use pai_bundle::digest::Digest;
use pai_bundle::guard::GuardUse;
use pai_bundle::limit::{CostLimit, Limit, Scope};
use pai_bundle::name::{ByName, PolicyId, QualifiedName};
use pai_bundle::origin::{Origin, Places};
use pai_bundle::principal::{AccessKey, Agent, RateLimits};
use pai_bundle::provider::Provider;
use pai_ledger::{Account, Caps, Unit};
use pai_policies::candidate::Directory;
use pai_policies::{Authorizer, LoadError};

use crate::credentials::{Credentials, Held};
use crate::guard::{Attachment, ClassifierError, Classifiers};
use crate::live_key::{KeyStanding, LiveKey, Owner};
use crate::secret::{SecretError, Secrets};
use crate::token::{Pepper, StoredDigest, TokenKind};
use crate::upstream::endpoint::EndpointError;

pub use crate::credentials::Holder;

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
    #[error("provider {provider} has an endpoint that cannot be used: {cause}")]
    Endpoint {
        /// The provider.
        provider: QualifiedName,
        /// What is wrong.
        cause: EndpointError,
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
    /// A guard that is attached is not in the bundle.
    #[error("{holder} attaches guard `{binding}`, which is not in the bundle")]
    Guard {
        /// Who attaches it.
        holder: String,
        /// Which.
        binding: String,
    },
    /// A guard cannot be made ready.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
}

/// What a bundle says, ready for requests. Immutable; a new bundle is a new snapshot.
pub struct Snapshot {
    /// The bundle's digest, named in every record.
    pub digest: Digest,
    /// Who may do what.
    pub authorizer: Authorizer,
    providers: ByName<Upstream>,
    agents: ByName<Agent>,
    /// Of agents that attach any.
    guards: ByName<Vec<Attachment>>,
    classifiers: Classifiers,
    access_keys: ByName<AccessKey>,
    limits: HashMap<(Scope, QualifiedName), Limit>,
    cost_limits: HashMap<(Scope, QualifiedName), CostLimit>,
    credentials: Credentials,
    pepper: Pepper,
    secrets: Secrets,
}

/// A provider with its real key.
pub struct Upstream {
    /// As compiled.
    pub provider: Provider,
    /// Its base URL, parsed once.
    pub endpoint: crate::upstream::endpoint::Endpoint,
    /// The key, as it is now.
    pub key: LiveKey,
    /// What reads requests to it, and its answers.
    pub(crate) guards: Vec<Attachment>,
}

impl Snapshot {
    /// From a bundle in memory.
    pub fn of(bundle: Bundle, secrets: &Secrets) -> Result<Self, SnapshotError> {
        let (_, digest) = codec::encode(&bundle)?;
        Self::build(bundle, digest, secrets, None)
    }

    /// From a bundle whose digest is known. Guards that are as they were `before` keep what they know: their
    /// connections, and what they have judged.
    pub(crate) fn build(
        bundle: Bundle,
        digest: Digest,
        secrets: &Secrets,
        before: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let authorizer = Authorizer::new(&bundle)?;
        let pepper = secrets.pepper()?;
        let credentials = credentials(&bundle, &pepper)?;
        let classifiers =
            Classifiers::build(&bundle.guards, secrets, before.map(|before| &before.classifiers))?;
        let attach = |uses: &[GuardUse], name: &QualifiedName, kind: &str| {
            Attachment::all(uses, &name.namespace, &classifiers)
                .map_err(|binding| SnapshotError::Guard { holder: format!("{kind} {name}"), binding })
        };
        let mut guards = ByName::default();
        for agent in bundle.agents.iter().filter(|agent| !agent.guards.is_empty()) {
            guards.insert(agent.name.clone(), attach(&agent.guards, &agent.name, "Agent")?);
        }
        let mut providers = ByName::default();
        for provider in bundle.providers {
            let key = match &provider.api_key {
                None => LiveKey::not_needed(),
                Some(wanted) => LiveKey::open(wanted, secrets)?,
            };
            if let (true, Some(wanted)) = (key.is_missing(), &provider.api_key) {
                tracing::warn!(
                    event = "secret.missing", provider = %provider.name, secret = %wanted.name, key = %wanted.key,
                    looked_in = %secrets.describe(), "requests for this provider will be refused"
                );
            }
            let endpoint = provider
                .endpoint
                .parse()
                .map_err(|cause| SnapshotError::Endpoint { provider: provider.name.clone(), cause })?;
            let guards = attach(&provider.guards, &provider.name, "ModelProvider")?;
            providers.insert(provider.name.clone(), Upstream { provider, endpoint, key, guards });
        }
        Ok(Self {
            digest,
            authorizer,
            providers,
            guards,
            classifiers,
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
            secrets: secrets.clone(),
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

    /// Looks at the files of all keys and takes what is new; reads the disk.
    #[expect(clippy::iter_over_hash_type, reason = "each is looked at by itself, in no order")]
    pub(crate) fn look_at_keys(&self) {
        for upstream in self.providers.values() {
            upstream.key.look(&self.secrets, Owner::Provider(&upstream.provider.name));
        }
        self.classifiers.look_at_keys();
    }

    /// How the keys of all providers stand, sorted by provider; what needs no key is left out.
    pub(crate) fn key_standings(&self) -> Vec<KeyStanding<'_>> {
        let mut all: Vec<_> = self.providers.values().collect();
        all.sort_by_key(|one| &one.provider.name);
        all.into_iter().filter_map(|one| one.key.standing(Owner::Provider(&one.provider.name))).collect()
    }

    /// The agent of that name.
    pub fn agent(&self, name: &QualifiedName) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// What an agent attaches.
    pub(crate) fn guards_of(&self, agent: &QualifiedName) -> &[Attachment] {
        self.guards.get(agent).map_or(&[], Vec::as_slice)
    }

    /// Everything that judges texts.
    pub(crate) fn classifiers(&self) -> &Classifiers {
        &self.classifiers
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

    /// The credential with that public id and true, or another one and false.
    pub(crate) fn look_up(&self, id: &str) -> Option<(&Held, bool)> {
        self.credentials.look_up(id)
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
fn credentials(bundle: &Bundle, pepper: &Pepper) -> Result<Credentials, SnapshotError> {
    let agents = bundle
        .agents
        .iter()
        .map(|agent| (Holder::Agent(agent.name.clone()), TokenKind::Agent, &agent.credentials));
    let keys = bundle
        .access_keys
        .iter()
        .map(|key| (Holder::AccessKey(key.name.clone()), TokenKind::AccessKey, &key.credentials));
    let mut all = Vec::new();
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
            all.push((credential.id.clone(), held));
        }
    }
    Credentials::new(all).map_err(SnapshotError::RepeatedCredential)
}
