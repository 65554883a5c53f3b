//! The cookie of people who signed in on the web pages: it carries their token.
//!
//! `HttpOnly`, `SameSite=Strict`, `Secure` under TLS. A request that changes something counts only if the browser says that
//! it comes from our own pages, so another site cannot act in a person's name.

use axum::http::{HeaderMap, Method, header};

/// Its name.
pub(crate) const COOKIE: &str = "stakeout_token";

/// The token of a request's cookie, if it counts for this method.
pub(crate) fn token_of<'a>(headers: &'a HeaderMap, method: &Method) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let token = cookies.flat_map(|c| c.split(';')).find_map(|c| c.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    (method.is_safe() || same_origin(headers)).then_some(token)
}

/// The browser says that the request comes from a page of this server.
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, o)| o == host),
        _ => false,
    }
}

/// The header that signs in; `None` signs out.
pub(crate) fn set(token: Option<&str>, secure: bool) -> String {
    let (value, age) = token.map_or(("", 0), |t| (t, 12 * 3600));
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_reads_but_changes_nothing_from_another_site() {
        let plain = headers(&[("cookie", "a=b; stakeout_token=stk_x")]);
        assert_eq!(token_of(&plain, &Method::GET), Some("stk_x"));
        assert_eq!(token_of(&plain, &Method::POST), None);
        let ours = headers(&[("cookie", "stakeout_token=stk_x"), ("sec-fetch-site", "same-origin")]);
        assert_eq!(token_of(&ours, &Method::POST), Some("stk_x"));
        let other = headers(&[("cookie", "stakeout_token=stk_x"), ("sec-fetch-site", "cross-site"), ("origin", "http://h"), ("host", "h")]);
        assert_eq!(token_of(&other, &Method::POST), None);
        let old = headers(&[("cookie", "stakeout_token=stk_x"), ("origin", "http://h:1"), ("host", "h:1")]);
        assert_eq!(token_of(&old, &Method::POST), Some("stk_x"));
    }
}
