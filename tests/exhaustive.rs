//! Every principal of a larger workspace on every model that is listed for it: the fast form of the policies, the
//! readable one and the manifests say the same.

use pai_policies::Authorizer;

use crate::large;

#[test]
fn both_forms_and_the_manifests_agree_on_every_principal_and_listed_model() {
    let bundle = large::bundle(24, 120).expect("a bundle");
    let authorizer = Authorizer::new(&bundle).expect("an authorizer");
    let asked = large::agree(&bundle, &authorizer).unwrap_or_else(|difference| panic!("{difference}"));
    assert!(asked > 2_000, "{asked}");
}
