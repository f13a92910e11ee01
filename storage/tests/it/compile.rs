//! What must not compile: a way to a tenant's data without an `ActiveTenant`. Each case stands beside a twin that compiles
//! as a part of this program, so that a case cannot fail for another reason than the one line in which they differ.

macro_rules! twins {
    ($($name:ident: $case:literal, $twin:literal;)*) => {
        $(
            #[path = $twin]
            mod $name;
        )*

        const TWINS: &[(&str, &str, &str, fn())] = &[
            $((stringify!($name), include_str!($case), include_str!($twin), $name::main)),*
        ];
    };
}

twins! {
    active_tenant_by_hand: "../compile_fail/active_tenant_by_hand.rs", "../compile_fail/active_tenant_by_hand.ok.rs";
    handle_of_a_namespace: "../compile_fail/handle_of_a_namespace.rs", "../compile_fail/handle_of_a_namespace.ok.rs";
    handle_of_a_tenant: "../compile_fail/handle_of_a_tenant.rs", "../compile_fail/handle_of_a_tenant.ok.rs";
    lifecycle_handle_by_hand: "../compile_fail/lifecycle_handle_by_hand.rs", "../compile_fail/lifecycle_handle_by_hand.ok.rs";
    namespace_by_hand: "../compile_fail/namespace_by_hand.rs", "../compile_fail/namespace_by_hand.ok.rs";
    namespace_from_its_parts: "../compile_fail/namespace_from_its_parts.rs", "../compile_fail/namespace_from_its_parts.ok.rs";
}

#[test]
fn no_data_without_an_active_tenant() {
    let cases = trybuild::TestCases::new();
    for (name, ..) in TWINS {
        cases.compile_fail(format!("tests/compile_fail/{name}.rs"));
    }
}

#[test]
fn each_case_differs_from_its_twin_in_one_line() {
    for (name, case, twin, run) in TWINS {
        let (case, twin): (Vec<_>, Vec<_>) = (case.lines().collect(), twin.lines().collect());
        assert_eq!(case.len(), twin.len(), "{name}");
        let differing = case.iter().zip(&twin).filter(|(case, twin)| case != twin).count();
        assert_eq!(differing, 1, "{name}");
        run();
    }
}
