//! Tokens of a tenant, for its admins. A new one's text is shown once, in the answer to the form.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use stakeout_contract::{
    TenantId, TokenId,
    api::access::{NewToken, Role, Token, TokenSpec},
};

use super::{
    Fault, Shown,
    job::id_of,
    link,
    read::{Asked, Sent},
    shell::{Shell, go, page},
    words::{self, Moment},
};
use crate::{
    api::{App, access, auth::Caller, page as cursor, problem::Failed},
    service::now,
};

/// A token.
#[derive(Debug)]
struct Line {
    id: String,
    label: String,
    role: &'static str,
    created: Moment,
    used: Option<Moment>,
    ends: Option<Moment>,
    state: &'static str,
    own: bool,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct Page {
    shell: Shell,
    lines: Vec<Line>,
    roles: &'static [&'static str],
    /// An admin of the farm may make tokens of other tenants.
    operator: bool,
    made: Option<NewToken>,
    mistake: String,
    older: Option<String>,
    newest: bool,
}

/// Tokens on one page.
const MOST: u32 = 100;

const ROLES: [Role; 4] = [Role::Reader, Role::Submitter, Role::Worker, Role::Admin];
const ROLE_WORDS: [&str; 4] = [Role::Reader.as_str(), Role::Submitter.as_str(), Role::Worker.as_str(), Role::Admin.as_str()];

fn line(t: &Token, own: &TokenId, now: i64) -> Line {
    let state = match (t.revoked_ms, t.expires_ms) {
        (Some(_), _) => "revoked",
        (None, Some(e)) if e <= now => "expired",
        _ => "valid",
    };
    Line {
        id: t.id.to_string(),
        label: words::short(&t.label),
        role: t.role.as_str(),
        created: words::moment(t.created_ms),
        used: t.last_used_ms.map(words::moment),
        ends: t.expires_ms.map(words::moment),
        state,
        own: t.id == *own,
    }
}

async fn answer(
    app: &App,
    c: &Caller,
    status: StatusCode,
    before: Option<&TokenId>,
    made: Option<NewToken>,
    mistake: String,
) -> Result<Response, Fault> {
    let now = now();
    let all = app.service().store().tokens(c.tenant(), before, MOST + 1).await?;
    let tokens = cursor::of(all, MOST, |t| t.id.clone());
    let model = Page {
        shell: Shell::of(c, "tokens"),
        lines: tokens.items.iter().map(|t| line(t, &c.token.id, now)).collect(),
        older: tokens.next.map(|next| link::to("/tokens", &[("cursor", &next)])),
        newest: before.is_some(),
        roles: &ROLE_WORDS,
        operator: c.is_operator(),
        made,
        mistake,
    };
    Ok(page(status, &model))
}

/// Which part of the list.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Part {
    cursor: String,
}

/// The list.
pub(super) async fn show(State(app): State<App>, Extension(c): Extension<Caller>, Asked(p): Asked<Part>) -> Shown {
    let before = cursor::read::<TokenId>(Some(p.cursor.trim()).filter(|t| !t.is_empty()))?;
    answer(&app, &c, StatusCode::OK, before.as_ref(), None, String::new()).await
}

/// A token to be made, as the form sends it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wanted {
    role: String,
    label: String,
    days: String,
    tenant: String,
}

fn spec(w: &Wanted) -> Result<TokenSpec, Failed> {
    let role = ROLES.into_iter().find(|r| r.as_str() == w.role).ok_or_else(|| Failed::value("role", "choose a role"))?;
    let days = match w.days.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| Failed::value("days", "a token lasts 1 to 3650 days"))?),
    };
    let tenant = match w.tenant.trim() {
        "" => None,
        text => Some(text.parse::<TenantId>().map_err(|e| Failed::value("tenant", e.to_string()))?),
    };
    if w.label.chars().any(char::is_control) {
        return Err(Failed::value("label", "a label is plain text"));
    }
    Ok(TokenSpec { role, label: w.label.trim().to_owned(), days, tenant })
}

/// Makes a token.
pub(super) async fn make(State(app): State<App>, Extension(c): Extension<Caller>, Sent(w): Sent<Wanted>) -> Shown {
    let made = match spec(&w) {
        Ok(spec) => access::new_token(&app, &c, spec).await,
        Err(e) => Err(e),
    };
    match made {
        Ok(made) => answer(&app, &c, StatusCode::CREATED, None, Some(made), String::new()).await,
        Err(e) if e.problem.status < 500 => answer(&app, &c, StatusCode::UNPROCESSABLE_ENTITY, None, None, e.problem.detail).await,
        Err(e) => Err(e.into()),
    }
}

/// Takes a token back.
pub(super) async fn revoke(State(app): State<App>, Extension(c): Extension<Caller>, Path(id): Path<String>) -> Shown {
    let id: TokenId = id_of("token", &id)?;
    access::take_back(&app, &c, &id).await?;
    Ok(go("/tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_token_and_its_mistakes_are_said() {
        let w = Wanted { role: "reader".to_owned(), label: " pipeline ".to_owned(), ..Wanted::default() };
        let s = spec(&w).unwrap();
        assert_eq!((s.role, s.label.as_str(), s.days, s.tenant), (Role::Reader, "pipeline", None, None));
        assert_eq!(spec(&Wanted { days: "x".to_owned(), ..w }).unwrap_err().problem.at.as_deref(), Some("days"));
        assert_eq!(spec(&Wanted::default()).unwrap_err().problem.at.as_deref(), Some("role"));
    }

    #[test]
    fn a_token_is_valid_until_it_expires_or_is_taken_back() {
        let mut t = Token {
            id: "token-1".parse().unwrap(),
            tenant: TenantId::farm(),
            role: Role::Admin,
            label: String::new(),
            created_ms: 0,
            expires_ms: Some(10),
            revoked_ms: None,
            last_used_ms: None,
        };
        let own = t.id.clone();
        assert_eq!((line(&t, &own, 5).state, line(&t, &own, 10).state, line(&t, &own, 5).own), ("valid", "expired", true));
        t.revoked_ms = Some(3);
        assert_eq!(line(&t, &own, 5).state, "revoked");
    }
}
