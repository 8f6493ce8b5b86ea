//! Sites and their cameras: health, no images.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::Caller;
use super::chrome;
use super::models::{CameraModel, SiteModel};
use super::pages::sites::{CameraRow, SiteRow, SitesView, render};
use super::problem::Problem;
use super::request::Request;
use http::StatusCode;
use serde::Serialize;

/// `GET /sites`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let sites = access::sites(app, caller.person()?);
    let view = SitesView { sites: sites.into_iter().map(site_row).collect() };
    chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, caller), &view))
}

fn site_row(site: SiteModel) -> SiteRow {
    SiteRow {
        id: site.id,
        name: site.name,
        addresses: site.addresses,
        service: site.service_name,
        valid_from_utc: site.valid_from_utc,
        valid_until_utc: site.valid_until_utc,
        cameras: site.cameras.into_iter().map(camera_row).collect(),
    }
}

fn camera_row(camera: CameraModel) -> CameraRow {
    let stream = camera.stream;
    let stream = stream.as_ref();
    CameraRow {
        id: camera.id,
        name: camera.name,
        online: camera.online,
        publisher: stream.and_then(|stream| stream.address).map(|address| address.to_string()),
        codec: stream.map(|stream| stream.codec.clone()).unwrap_or_default(),
        width: stream.map_or(0, |stream| stream.width),
        height: stream.map_or(0, |stream| stream.height),
        fps: stream.map_or(0.0, |stream| stream.fps),
        bitrate_bps: stream.map_or(0, |stream| stream.bitrate_bps),
        frame_age_ms: camera.frame_age_ms,
        audio_dropped: stream.is_some_and(|stream| stream.audio_dropped),
    }
}

#[derive(Serialize)]
struct Sites {
    sites: Vec<SiteModel>,
}

/// `GET /api/v1/cameras`: this person's sites with their cameras.
pub fn api(app: &App, caller: &Caller) -> Result<Answer, Problem> {
    answer::json(StatusCode::OK, &Sites { sites: access::sites(app, caller.person()?) })
}

#[derive(Serialize)]
struct Cameras {
    cameras: Vec<CameraModel>,
}

/// `GET /api/v1/tickets/{ticket}/cameras`: presence and age of the pictures while they may be watched (faults 15, 16).
pub fn cameras_of_ticket(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let cameras = access::cameras_of_ticket(app, caller.person()?, request.id()?)?;
    answer::json(StatusCode::OK, &Cameras { cameras })
}
