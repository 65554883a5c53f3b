//! The cookie of people who signed in on the web pages: it carries their token.
//!
//! `HttpOnly`, `SameSite=Strict`, and under TLS `Secure` and a name that a browser takes from this host alone and by TLS
//! (`__Host-`, RFC 6265bis section 4.1.3.2): neither a neighbouring name nor plain HTTP can put another there. A request that
//! changes something counts only if the browser says that it comes from our own pages, so another site cannot act in a person's
//! name.

use axum::http::{HeaderMap, Method, header};

/// Its name.
const fn name(secure: bool) -> &'static str {
    if secure { "__Host-stakeout_token" } else { "stakeout_token" }
}

/// The token of a request's cookie, if it counts for this method. Where people come by TLS, only the cookie that is for TLS does.
pub(crate) fn token_of<'a>(headers: &'a HeaderMap, method: &Method, secure: bool) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let token = cookies.flat_map(|c| c.split(';')).find_map(|c| c.trim().strip_prefix(name(secure))?.strip_prefix('='))?;
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
    let (name, secure) = (name(secure), if secure { "; Secure" } else { "" });
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
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
        assert_eq!(token_of(&plain, &Method::GET, false), Some("stk_x"));
        assert_eq!(token_of(&plain, &Method::POST, false), None);
        let ours = headers(&[("cookie", "stakeout_token=stk_x"), ("sec-fetch-site", "same-origin")]);
        assert_eq!(token_of(&ours, &Method::POST, false), Some("stk_x"));
        let other = headers(&[("cookie", "stakeout_token=stk_x"), ("sec-fetch-site", "cross-site"), ("origin", "http://h"), ("host", "h")]);
        assert_eq!(token_of(&other, &Method::POST, false), None);
        let old = headers(&[("cookie", "stakeout_token=stk_x"), ("origin", "http://h:1"), ("host", "h:1")]);
        assert_eq!(token_of(&old, &Method::POST, false), Some("stk_x"));
    }

    #[test]
    fn under_tls_a_cookie_is_this_hosts_alone_and_no_other_counts() {
        for (secure, name) in [(true, "__Host-stakeout_token"), (false, "stakeout_token")] {
            let cookie = set(Some("stk_x"), secure);
            assert!(cookie.starts_with(&format!("{name}=stk_x; Path=/; ")) && !cookie.contains("Domain"), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), secure, "{cookie}");
            assert!(set(None, secure).starts_with(&format!("{name}=; ")));
        }
        // What plain HTTP or a neighbour put there.
        let plain = headers(&[("cookie", "stakeout_token=stk_theirs")]);
        assert_eq!(token_of(&plain, &Method::GET, true), None);
        let both = headers(&[("cookie", "stakeout_token=stk_theirs; __Host-stakeout_token=stk_x")]);
        assert_eq!(token_of(&both, &Method::GET, true), Some("stk_x"));
    }
}
