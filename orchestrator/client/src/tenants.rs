//! Changes of tenants, of which a server takes the whole.

use reqwest::{Method, header};
use stakeout_contract::{
    TenantId,
    api::{
        access::{Tenant, TenantSpec},
        page::Page,
        problem::Code,
    },
};

use crate::{Client, ClientError};

/// How often a tenant is read anew because somebody else changed it.
const TRIES: u32 = 20;

/// What must hold when a tenant is put: a header and its value.
type Condition = Option<(&'static str, String)>;

impl Client {
    /// Changes a tenant, or makes it where there is none: `change` says all of it. It is done to what was read and to nothing else: if
    /// somebody changes it meanwhile, it is read and changed again.
    pub async fn change_tenant(&self, id: &TenantId, change: impl Fn(Option<Tenant>) -> TenantSpec) -> Result<Tenant, ClientError> {
        let mut tries = 0;
        loop {
            let (there, condition) = self.tenant(id).await?;
            tries += 1;
            match self.put_tenant(&change(there), condition).await {
                Err(e) if e.code() == Some(Code::Changed) && tries < TRIES => {}
                done => return done,
            }
        }
    }

    /// A tenant as it is, and what must hold when it is changed.
    async fn tenant(&self, id: &TenantId) -> Result<(Option<Tenant>, Condition), ClientError> {
        match self.send(|| self.request(Method::GET, &format!("v1/tenants/{id}"))).await {
            Ok(r) => {
                let tag = r.headers().get(header::ETAG).and_then(|v| v.to_str().ok()).map(|tag| ("If-Match", tag.to_owned()));
                Ok((Some(self.read(r).await?), tag))
            }
            // A server of a version before has the list alone, and knows no conditions.
            Err(e) if matches!(e.code(), Some(Code::NotFound | Code::MethodNotAllowed)) => {
                let all: Page<Tenant> = self.get("v1/tenants").await?;
                let there = all.items.into_iter().find(|t| t.id == *id);
                let none = there.is_none().then(|| ("If-None-Match", "*".to_owned()));
                Ok((there, none))
            }
            Err(e) => Err(e),
        }
    }

    async fn put_tenant(&self, spec: &TenantSpec, condition: Condition) -> Result<Tenant, ClientError> {
        let request = || {
            let r = self.request(Method::PUT, "v1/tenants")?.json(spec);
            Ok(match &condition {
                Some((name, value)) => r.header(*name, value),
                None => r,
            })
        };
        self.read(self.send(request).await?).await
    }
}
