//! Who may see a page. The token comes in the cookie and in no other way.

use std::time::Instant;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
};
use stakeout_contract::api::problem::Code;

use super::{fault::Fault, link, shell::go};
use crate::{
    api::{
        auth::{self, Caller, Gate},
        problem::Failed,
        session,
        spec::Needs,
    },
    trace,
};

/// Lets a person through, with their [`Caller`]; sends one who is not signed in to where that is done.
pub(super) async fn check(State(gate): State<Gate>, mut req: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = req.method().clone();
    let headers = req.headers().clone();
    let answer = async {
        match enter(&gate, headers.clone(), &method, req.uri().clone()).await {
            Ok(caller) => {
                if let Some(c) = caller {
                    req.extensions_mut().insert(c);
                }
                next.run(req).await
            }
            Err(r) => *r,
        }
    };
    let response = trace::request(gate.route, &method, &headers, answer, Response::status).await;
    gate.app.metrics().request(gate.route, &method, response.status(), began.elapsed());
    response
}

async fn enter(gate: &Gate, headers: HeaderMap, method: &Method, uri: Uri) -> Result<Option<Caller>, Box<Response>> {
    let page = |f: Failed| Box::new(Fault(f).into_response());
    if !method.is_safe() && !session::same_origin(&headers) {
        let f = Failed::new(Code::Forbidden, "the form was not sent by a page of this server");
        return Err(page(f.hint("open the page here, and send its form again")));
    }
    // No text of ours holds a zero byte, and not every database takes one.
    if uri.to_string().contains("%00") {
        return Err(page(Failed::new(Code::BadRequest, "the address holds a zero byte")));
    }
    if gate.needs == Needs::Nothing {
        return Ok(None);
    }
    match auth::admitted(&gate.app, gate.needs, session::token_of(&headers, method, gate.app.options().secure)).await {
        Ok(c) => Ok(Some(c)),
        Err(f) if f.problem.code() == Some(Code::Unauthorized) => {
            let wanted = uri.path_and_query().map_or("/", |p| p.as_str());
            let back = if method.is_safe() && wanted != "/" { link::to("/sign-in", &[("next", wanted)]) } else { "/sign-in".to_owned() };
            Err(Box::new(go(&back)))
        }
        Err(f) => Err(page(f)),
    }
}
