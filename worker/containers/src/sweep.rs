//! Removes what dead processes left behind.

use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};

use crate::{Engine, EngineError, LABEL, Owner, engine::Made, owner::Life};

/// What a sweep removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Containers.
    pub containers: u32,
    /// Networks.
    pub networks: u32,
    /// Things that should have gone and could not be removed now.
    pub failed: u32,
}

/// Whether something with this label may be removed. `over`: it is a container that has ended, so nothing runs in it.
fn may_go(label: Option<&str>, over: bool) -> std::io::Result<bool> {
    // A label that is not an owner was not made here, whatever its name says.
    let Some(Ok(owner)) = label.map(str::parse::<Owner>) else { return Ok(false) };
    Ok(match owner.life()? {
        Life::Alive => false,
        Life::Dead => true,
        Life::Unknown => over,
    })
}

impl Engine {
    /// Removes containers and networks that carry our label and whose owner is dead. Call it at start.
    pub async fn sweep(&self) -> Result<Swept, EngineError> {
        let filters = HashMap::from([("label", vec![LABEL])]);
        let mut swept = Swept::default();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        for c in self.docker.list_containers(Some(options)).await.map_err(EngineError::call("list containers"))? {
            let label = c.labels.as_ref().and_then(|l| l.get(LABEL)).map(String::as_str);
            let over = c.state.is_some_and(|s| matches!(s.to_string().as_str(), "exited" | "dead"));
            if let (true, Some(id)) = (may_go(label, over)?, c.id) {
                self.sweep_one(Made::Container(id), &mut swept).await;
            }
        }
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        for n in self.docker.list_networks(Some(options)).await.map_err(EngineError::call("list networks"))? {
            let label = n.labels.as_ref().and_then(|l| l.get(LABEL)).map(String::as_str);
            if let (true, Some(id)) = (may_go(label, false)?, n.id) {
                self.sweep_one(Made::Network(id), &mut swept).await;
            }
        }
        Ok(swept)
    }

    async fn sweep_one(&self, made: Made, swept: &mut Swept) {
        match (self.remove(&made).await, &made) {
            (Ok(()), Made::Container(_)) => swept.containers += 1,
            (Ok(()), Made::Network(_)) => swept.networks += 1,
            (Err(e), _) => {
                tracing::warn!(?made, error = %e, "a leftover could not be removed");
                swept.failed += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::may_go;
    use crate::Owner;

    #[test]
    fn only_what_is_ours_and_without_a_living_owner_may_go() {
        let me = Owner::this_process().unwrap().to_string();
        let dead = format!("another-boot/{}", me.split_once('/').unwrap().1);
        let parts: Vec<&str> = me.split('/').collect();
        let elsewhere = format!("{}/1/{}/{}", parts[0], parts[2], parts[3]);
        for (label, over, goes) in [
            (None, true, false),
            (Some("yes"), true, false),
            (Some(me.as_str()), true, false),
            (Some(dead.as_str()), false, true),
            (Some(elsewhere.as_str()), false, false),
            (Some(elsewhere.as_str()), true, true),
        ] {
            assert_eq!(may_go(label, over).unwrap(), goes, "{label:?} {over}");
        }
    }
}
