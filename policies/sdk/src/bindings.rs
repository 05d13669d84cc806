//! The Rust side of `wit/policy.wit`, generated. Nothing is written by hand here, so that the contract has one text only.

wit_bindgen::generate!({
    path: "../../wit",
    world: "policy",
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export_policy",
});
