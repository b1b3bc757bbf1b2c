//! Trees and Cedar say the same of every condition that trees can say: over generated conditions and facts, errors included.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{Decision, Entities, EntityUid, Policy, PolicySet, Request};
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::origin::{Places, Position};
use pai_bundle::unit::{Tokens, UnixSeconds};
use proptest::prelude::*;

use crate::attached::Flags;
use crate::context::{self, Needs};
use crate::evaluate::Question;
use crate::expression::Expression;
use crate::facts::{Action, Facts, Principal, Used};
use crate::guard::GuardFacts;
use crate::known::{AgentFacts, KeyFacts, Known, restrictions};
use crate::numbered::Numbered;

/// Two principals of unlike attributes, two models, and an action in two groups.
const ENTITIES: &str = r#"[
  { "uid": { "type": "Namespace", "id": "n" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "ModelProvider", "id": "n/p" },
    "attrs": { "name": "n/p", "kind": "openai", "externalAccess": true },
    "parents": [{ "type": "Namespace", "id": "n" }] },
  { "uid": { "type": "Model", "id": "n/p/m" },
    "attrs": { "provider": { "__entity": { "type": "ModelProvider", "id": "n/p" } } },
    "parents": [{ "type": "ModelProvider", "id": "n/p" }] },
  { "uid": { "type": "Agent", "id": "n/a" },
    "attrs": { "name": "n/a", "perDay": 5, "guardHits": ["n/g/prompts"],
               "models": [{ "__entity": { "type": "Model", "id": "n/p/m" } }, { "__entity": { "type": "Model", "id": "n/p/gone" } }] },
    "parents": [{ "type": "Namespace", "id": "n" }] },
  { "uid": { "type": "AccessKey", "id": "n/k" },
    "attrs": { "name": "n/k", "expires": 7, "nanoUsdPerDay": 3, "providers": [] }, "parents": [] },
  { "uid": { "type": "Action", "id": "use" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "Action", "id": "spend" }, "attrs": {}, "parents": [{ "type": "Action", "id": "use" }] },
  { "uid": { "type": "Action", "id": "invoke" }, "attrs": {}, "parents": [{ "type": "Action", "id": "spend" }] }
]"#;

fn among(all: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(all).prop_map(str::to_owned).boxed()
}

fn entity() -> BoxedStrategy<String> {
    among(&[
        "principal",
        "resource",
        "action",
        "resource.provider",
        r#"Agent::"n/a""#,
        r#"Model::"n/p/m""#,
        r#"ModelProvider::"n/p""#,
        r#"Namespace::"n""#,
        r#"Action::"use""#,
        r#"Team::"nobody""#,
    ])
}

fn long() -> BoxedStrategy<String> {
    among(&[
        "0",
        "4",
        "9223372036854775807",
        "principal.perDay",
        "principal.perRequest",
        "principal.expires",
        "principal.nanoUsdPerDay",
        "context.tokensRequested",
        "context.nanoUsdRequested",
        "context.nowSeconds",
        "context.after.provider",
        "context.after.principal",
        "context.after.providerExternal",
        "context.after.principalNanoUsd",
    ])
}

fn text() -> BoxedStrategy<String> {
    among(&[
        r#""""#,
        r#""m""#,
        r#""n/a""#,
        r#""n/g/prompts""#,
        "principal.name",
        "resource.provider.name",
        "resource.provider.kind",
        "context.model",
    ])
}

fn set() -> BoxedStrategy<String> {
    among(&[
        "[]",
        "[1, 4]",
        r#"["m", "n/a"]"#,
        r#"["m", 4, true]"#,
        r#"[["m"], []]"#,
        r#"[Model::"n/p/m", Namespace::"n"]"#,
        r#"[Model::"n/p/gone", Model::"n/p/m"]"#,
        "principal.models",
        "principal.providers",
        "principal.guardHits",
    ])
}

fn anything() -> BoxedStrategy<String> {
    prop_oneof![entity(), long(), text(), set(), among(&["true", "false", "context.ipAllowed"])].boxed()
}

/// Mostly of that type, now and then of any.
fn mostly(of: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![9 => of, 1 => anything()].boxed()
}

fn conditions() -> impl Strategy<Value = String> {
    let pair =
        |left: BoxedStrategy<String>, operators: &'static [&'static str], right: BoxedStrategy<String>| {
            (mostly(left), among(operators), mostly(right)).prop_map(|(left, operator, right)| {
                if operator.starts_with('.') {
                    format!("{left}{operator}({right})")
                } else {
                    format!("{left} {operator} {right}")
                }
            })
        };
    let leaf = prop_oneof![
        4 => pair(long(), &["<", "<=", ">", ">=", "==", "!="], long()),
        2 => pair(text(), &["==", "!="], text()),
        2 => pair(entity(), &["==", "in", "!="], entity()),
        2 => pair(entity(), &["in"], set()),
        2 => pair(set(), &[".contains"], anything()),
        2 => pair(set(), &[".containsAll", ".containsAny", "=="], set()),
        1 => mostly(set()).prop_map(|set| format!("{set}.isEmpty()")),
        2 => (mostly(text()), among(&[r#""*""#, r#""m*""#, r#""*/a""#, r#""n*a*""#, r#""n""#, r#""""#]))
            .prop_map(|(text, pattern)| format!("{text} like {pattern}")),
        2 => (mostly(entity()), among(&["Agent", "AccessKey", "Model", "Action", "Team"]))
            .prop_map(|(entity, of)| format!("{entity} is {of}")),
        1 => (mostly(entity()), mostly(entity()))
            .prop_map(|(entity, above)| format!("{entity} is Model in {above}")),
        3 => (
            mostly(entity()),
            among(&["name", "perDay", "models", "provider", "externalAccess", "expires", "guardFailures"]),
        )
            .prop_map(|(entity, name)| format!("{entity} has {name}")),
        1 => among(&[
            "resource has provider.externalAccess",
            "principal has provider.externalAccess",
            "context has model",
            "context has guard",
            "context has after.principal",
            "context.after has providerExternal",
            "context.after has provider",
            "context.ipAllowed",
            "context.modelAllowed",
            "context.external",
            "resource.provider.externalAccess",
            "4",
        ]),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) && ({right})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) || ({right})")),
            2 => inner.clone().prop_map(|condition| format!("!({condition})")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(condition, then, other)| format!("if {condition} then {then} else {other}")),
        ]
    })
}

struct World {
    entities: &'static Entities,
    numbered: Numbered,
    agent: AgentFacts,
    key: KeyFacts,
}

fn uid(text: &str) -> EntityUid {
    text.parse().expect("an entity")
}

fn nowhere() -> Places {
    Places { file: String::new(), document: Position(1, 1), fields: std::collections::BTreeMap::new() }
}

fn world() -> World {
    static READ: LazyLock<Entities> =
        LazyLock::new(|| Entities::from_json_str(ENTITIES, None).expect("entities"));
    let entities: &'static Entities = &READ;
    let mut numbered = Numbered::new(entities).expect("attributes of known types");
    let agent = AgentFacts {
        entity: numbered.named(uid(r#"Agent::"n/a""#)),
        models: Vec::new(),
        per_day: None,
        cost_per_day: None,
        per_request: None,
        flags: Flags::default(),
        places: nowhere(),
    };
    let key = KeyFacts {
        entity: numbered.named(uid(r#"AccessKey::"n/k""#)),
        allowed_models: vec![pai_bundle::pattern::Pattern::new("m")],
        allowed_cidrs: vec!["10.0.0.0/8".parse().expect("a network")],
        per_day: None,
        cost_per_day: None,
        places: nowhere(),
    };
    World { entities, numbered, agent, key }
}

/// What Cedar says of a condition.
type Said = Option<bool>;

/// What Cedar says of it and what the tree does, nothing for an error; nothing at all where there is no tree.
fn both(condition: &str, facts: &Facts<'_>, by_key: bool, listed: bool) -> Option<(Said, Said)> {
    let mut world = world();
    let policy = Policy::from_str(&format!("permit (principal, action, resource) when {{ {condition} }};"))
        .unwrap_or_else(|cause| panic!("{condition}: {cause}"));
    let json = policy.to_json().expect("json");
    let tree = Expression::read(&json["conditions"][0]["body"], &mut world.numbered)?;
    let principal = if by_key { Known::AccessKey(&world.key) } else { Known::Agent(&world.agent) };
    let resource = uid(if listed { r#"Model::"n/p/m""# } else { r#"Model::"n/p/*""# });
    let action = uid(r#"Action::"invoke""#);
    let context =
        context::build(facts, restrictions(facts, principal), &Needs::everything()).expect("a context");
    let request =
        Request::new(principal.entity().uid.clone(), action.clone(), resource.clone(), context, None)
            .expect("a request");
    let set = PolicySet::from_policies([policy]).expect("a set");
    let answer = cedar_policy::Authorizer::new().is_authorized(&request, &set, world.entities);
    let erred = answer.diagnostics().errors().next().is_some();
    let cedar = (!erred).then(|| answer.decision() == Decision::Allow);
    let (action, resource) = (world.numbered.number(&action), world.numbered.number(&resource));
    let question = Question { numbered: &world.numbered, facts, principal, action, resource };
    Some((cedar, tree.holds(&question)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_tree_holds_where_cedar_says_so_and_errs_where_cedar_does(
        condition in conditions(),
        by_key in any::<bool>(),
        listed in any::<bool>(),
        model in prop::sample::select(&["m", "n/a", "gone"]),
        [tokens, cost, provider, external, spent, day] in prop::array::uniform6(prop_oneof![0_u64..6, Just(u64::MAX)]),
        inside in any::<bool>(),
        now in 0_i64..9,
    ) {
        let name = |text: &str| text.parse::<QualifiedName>().expect("a name");
        let (agent, key, provider_name) = (name("n/a"), name("n/k"), name("n/p"));
        let model: ModelId = model.parse().expect("a model");
        let facts = Facts {
            principal: if by_key { Principal::AccessKey(&key) } else { Principal::Agent(&agent) },
            provider: &provider_name,
            model: &model,
            action: Action::Invoke,
            tokens: Tokens(tokens),
            cost: NanoUsd(cost),
            used: Used {
                provider: Tokens(provider),
                provider_external: Tokens(external),
                principal: Tokens(day),
                principal_cost: NanoUsd(spent),
            },
            address: if inside { [10, 0, 0, 1].into() } else { [192, 0, 2, 1].into() },
            now: UnixSeconds(now),
            guard: &GuardFacts::NONE,
        };
        // A few that no schema lets through have none; more than the runner lets go would fail.
        let said = both(&condition, &facts, by_key, listed);
        prop_assume!(said.is_some());
        let (cedar, tree) = said.unwrap_or_default();
        prop_assert_eq!(cedar, tree, "{}", condition);
    }
}

/// What a tree does not have is left to Cedar, and never half of it.
#[test]
fn what_trees_cannot_say_is_left_to_cedar() {
    for condition in [
        "context.sourceIp.isInRange(ip(\"10.0.0.0/8\"))",
        "context.now < datetime(\"2030-01-01\")",
        "context == {}",
        "context.guard.toolResults.label == \"injection\"",
        "context.guard.hits.contains(\"n/g/prompts\")",
        "context.tokensRequested + 1 > 5",
        "principal.team == \"a\"",
        "context.nothing == 1",
        "context.model like \"\\*\"",
        "[principal].contains(principal)",
        "context.ipAllowed && context.sourceIp.isLoopback()",
    ] {
        let policy =
            Policy::from_str(&format!("permit (principal, action, resource) when {{ {condition} }};"))
                .unwrap_or_else(|cause| panic!("{condition}: {cause}"));
        let json = policy.to_json().expect("json");
        let tree = Expression::read(&json["conditions"][0]["body"], &mut world().numbered);
        assert!(tree.is_none(), "{condition}: {tree:?}");
    }
}
