//! The JSON of the API's answers.
//!
//! The shapes are those of `docs/immuta-api.md` in the project's notes: the user object is documented
//! by Immuta, the envelope of pages is what public clients read.

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::user::FakeUser;

/// Anything will do: nobody decides by it.
const SOME_TIME: &str = "2021-09-29T19:12:51.467Z";

/// A user object as text, since some faults cannot be made of a JSON value.
pub(crate) fn user(number: u64, user: &FakeUser, fault: Option<&Fault>) -> String {
    let mut object = object(number, user);
    match fault {
        Some(Fault::WrongTypes) => {
            object["permissions"] = user.permissions.join(",").into();
            object["disabled"] = user.disabled.to_string().into();
        }
        Some(Fault::MissingFields) => {
            if let Some(fields) = object.as_object_mut() {
                fields.remove("permissions");
                fields.remove("disabled");
            }
        }
        Some(Fault::WrongUser) => object = self::object(number + 1_000_000, &someone_else(user)),
        _ => {}
    }
    let text = object.to_string();
    match (fault, text.strip_suffix('}')) {
        (Some(Fault::DuplicateKeys), Some(open)) => {
            format!(r#"{open},"permissions":["IMPERSONATE_USER"]}}"#)
        }
        _ => text,
    }
}

/// One page of results.
pub(crate) fn page(hits: &[String], count: usize) -> String {
    format!(r#"{{"hits":[{}],"count":{count}}}"#, hits.join(","))
}

/// A group, without its members. The fields are those that the schema `tap_immuta/schemas/group.json`
/// of github.com/immuta/tap-immuta names; its `GroupStream` reads them from `hits` of `/bim/group`. That
/// members are missing is also what resource_bim_group.go of github.com/instacart/terraform-provider-immuta
/// shows, whose group has no such field.
pub(crate) fn group(number: usize, iamid: &str, name: &str) -> String {
    let group = json!({
        "id": number, "iamid": iamid, "name": name, "gid": null, "email": null,
        "authorizations": {}, "description": null,
        "createdAt": SOME_TIME, "updatedAt": SOME_TIME,
    });
    group.to_string()
}

/// The answer of the exchange.
pub(crate) fn token(token: &str, fault: Option<&Fault>) -> String {
    // So far away that no test outlives it: tokens end when the server is told so.
    let mut answer = json!({
        "authenticated": true, "token": token, "tokenExpiration": "2099-12-31T23:59:59.000Z",
    });
    match fault {
        Some(Fault::WrongTypes) => answer["token"] = json!([token]),
        Some(Fault::MissingFields) => {
            answer.as_object_mut().map(|fields| fields.remove("token"));
        }
        _ => {}
    }
    let text = answer.to_string();
    match (fault, text.strip_suffix('}')) {
        (Some(Fault::DuplicateKeys), Some(open)) => format!(r#"{open},"token":"another"}}"#),
        _ => text,
    }
}

/// An error.
pub(crate) fn error(status: u16, reason: &str, message: &str) -> String {
    json!({ "statusCode": status, "error": reason, "message": message }).to_string()
}

/// Another user who may impersonate, and whom a search for this one's name finds as well.
fn someone_else(user: &FakeUser) -> FakeUser {
    FakeUser {
        userid: format!("not-{}", user.userid),
        iamid: user.iamid.clone(),
        ..FakeUser::new("", &["IMPERSONATE_USER"])
    }
}

fn object(number: u64, user: &FakeUser) -> Value {
    json!({
        "id": number, "iamid": user.iamid, "userid": user.userid,
        "bimAuthorizations": null, "iamAuthorizations": null, "authorizations": {},
        "permissions": user.permissions,
        "profile": {
            "id": number, "name": user.userid, "email": null, "phone": null, "about": null,
            "location": null, "organization": null, "position": null, "preferences": null,
            "externalUserIds": {}, "scim": null, "systemGenerated": false,
            "createdAt": SOME_TIME, "updatedAt": SOME_TIME,
        },
        "authentication": null, "systemGenerated": false, "lastLogin": null,
        "lastExternalRefresh": SOME_TIME, "disabled": user.disabled,
        "createdAt": SOME_TIME, "updatedAt": SOME_TIME,
    })
}
