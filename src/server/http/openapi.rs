//! The API's own description, OpenAPI 3.1.

use super::{
    callbacks, contacts, desk, incidents, live, problem, read, reload, rollouts, sites, talk, view,
    why, wrap_up,
};
use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// The description's root.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "dozvon",
        description = "The contact center's live state, its agents' statuses and its contacts.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        document, read::healthz, read::readyz, read::metrics, read::queues, read::agents, read::calls, read::call,
        read::why,
        desk::status, desk::set_status, desk::log_out, wrap_up::end, wrap_up::extend, wrap_up::code,
        wrap_up::code_of_call, wrap_up::classifier, desk::hang_up, talk::talk, talk::retrieve, talk::watch,
        talk::take_over, talk::end_watch, contacts::list, contacts::show, contacts::complain,
        callbacks::list, callbacks::request,
        callbacks::cancel, incidents::list, sites::list, sites::set_emergency,
        reload::version, reload::versions, reload::reload, reload::rollback,
        rollouts::list, rollouts::show_roadmap, rollouts::decisions, rollouts::order,
        live::events
    ),
    components(schemas(
        problem::Problem, view::QueueView, view::QueueAgents, view::WaitView, view::AgentView, view::CallView,
        why::WhyView, why::WhyNext, why::WhyDecision, view::ContactsView, view::ContactView, view::ComplainedView,
        view::SegmentView,
        view::ArmView, view::AnswerView, view::IncidentView, view::IncidentAgentView, desk::StatusWish,
        desk::LogOutWish, talk::TalkWish, talk::TalkVerb, talk::Target, talk::RetrieveWish, talk::WatchWish,
        view::WrapUpView, sites::SiteView, sites::EmergencyBody,
        wrap_up::ExtendWish, wrap_up::CodeWish, wrap_up::ClassifierView, wrap_up::CodeView,
        reload::RollbackWish, reload::VersionsView, reload::KeptView,
        rollouts::OrderWish, rollouts::DecisionView, rollouts::PointView,
        callbacks::CallbackWish, callbacks::CallbackView, callbacks::CallbackTaken
    )),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
pub(super) struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// This description. Open to everybody.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1")))]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
