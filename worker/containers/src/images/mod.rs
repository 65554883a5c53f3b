//! Images: listed, named, removed; [`build`](crate::ImageSpec) makes one from a context, [`Bakery`](crate::BakerySpec) one from a
//! container that worked.

mod bakery;
mod build;

use std::collections::{BTreeMap, BTreeSet};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};

pub use bakery::{Bakery, BakerySpec, Kvm};
pub use build::{BuildError, ImageSpec};

use crate::{Engine, EngineError, error::is_gone};

/// An image of this host, ours or not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// `sha256:…`.
    pub id: String,
    /// The image that it was built on, step by step; empty where the engine does not say.
    pub parent: String,
    /// Its names, `stakeout/jvm:0.1.0`.
    pub tags: Vec<String>,
    /// Its labels. Those of what it was built on are among them.
    pub labels: BTreeMap<String, String>,
    /// Bytes, with all that it was built on.
    pub size: u64,
    /// When it was made, seconds since 1970.
    pub created: i64,
}

impl Engine {
    /// All images of this host, those between two steps of a build included.
    pub async fn images(&self) -> Result<Vec<Image>, EngineError> {
        let options = ListImagesOptionsBuilder::default().all(true).build();
        let list = self.docker.list_images(Some(options)).await.map_err(EngineError::call("list images"))?;
        let image = |i: bollard::models::ImageSummary| Image {
            id: i.id,
            parent: i.parent_id,
            // How this engine writes that there is none.
            tags: i.repo_tags.into_iter().filter(|t| t != "<none>:<none>").collect(),
            labels: i.labels.into_iter().collect(),
            size: u64::try_from(i.size).unwrap_or(0),
            created: i.created,
        };
        Ok(list.into_iter().map(image).collect())
    }

    /// Ids of the images that containers use, whether these run or not.
    pub async fn images_in_use(&self) -> Result<BTreeSet<String>, EngineError> {
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let list = self.docker.list_containers(Some(options)).await.map_err(EngineError::call("list containers"))?;
        Ok(list.into_iter().filter_map(|c| c.image_id).collect())
    }

    /// Gives an image one more name, which another image may have lost by it.
    pub async fn tag_image(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let (repo, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let options = TagImageOptionsBuilder::default().repo(repo).tag(tag).build();
        match self.docker.tag_image(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(e) if is_gone(&e) => Err(EngineError::NoImage { image: id.to_owned() }),
            Err(e) => Err(EngineError::call(format!("name an image `{name}`"))(e)),
        }
    }

    /// Takes a name from an image, or removes one that has none, by its id. With its last name the image goes, and what it alone was
    /// built on. Never forces: an image that something uses stays, and that is an error. Gives the ids of what went.
    pub async fn remove_image(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let options = RemoveImageOptionsBuilder::default().force(false).noprune(false).build();
        match self.docker.remove_image(name, Some(options), None).await {
            Ok(items) => Ok(items.into_iter().filter_map(|i| i.deleted).collect()),
            Err(e) if is_gone(&e) => Ok(Vec::new()),
            Err(e) => Err(EngineError::call(format!("remove the image `{name}`"))(e)),
        }
    }
}
