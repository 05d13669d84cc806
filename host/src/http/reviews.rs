//! `…/revisions/{revision}/preview` and `…/replay`: begun here, worked on in the background, looked at here.
//! Refuses to let anybody wait for either, and to show people to those who look for the rules alone.

use crate::http::noes;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::revisions::{READERS, WRITERS, number};
use crate::http::tenants::{Asked, enter, to_its_end};
use crate::ledger::Scope;
use crate::manage::{Difference, Example, Kind, Opinion, Preview, Progress, Replay, State as How};
use crate::wire::{
    DifferenceText, ExampleText, ExamplesText, OpinionText, PreviewText, ReplayText, moment,
    moment_ms, read_moment,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// Begins to say what a revision would change
///
/// It and the active one are asked about everybody whom the record knows; nothing is recorded. One preview or replay of a tenant runs at a
/// time; asked again while it runs, it is the one that runs. Needs scope `policy`.
#[utoipa::path(post, path = "/revisions/{revision}/preview",
 responses((status = 202, body = PreviewText, description = "Begun", headers(("Location" = String, description = "Where it is looked at"))), noes::Previewing))]
pub(super) async fn begin_preview(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &WRITERS).await?;
        let number = number(named.part("revision"))?;
        let place = rooms.moving.enter(tenant.id())?;
        let (operations, name) = (rooms.operations.clone(), tenant.name().to_string());
        let whole = tenant.may(Scope::Read);
        let begun = to_its_end(async move {
            let _place = place;
            operations.begin_preview(&tenant, number).await?;
            operations.preview(&tenant, number)
        });
        let begun = begun.await?;
        let location = [(LOCATION, format!("/v1/tenants/{name}/revisions/{number}/preview"))];
        Ok((StatusCode::ACCEPTED, location, Json(preview_text(begun, whole))).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// How far a preview is, and what it has found
///
/// Kept for an hour after its end. Needs scope `read`, or `policy`: then without people.
#[utoipa::path(get, path = "/revisions/{revision}/preview", responses((status = 200, body = PreviewText)))]
pub(super) async fn show_preview(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &READERS).await?;
        let number = number(named.part("revision"))?;
        let found = rooms.operations.preview(&tenant, number)?;
        Ok(Json(preview_text(found, tenant.may(Scope::Read))).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Begins to make recorded decisions again, each by the revision that made it
///
/// One preview or replay of a tenant runs at a time. Needs scope `policy`.
#[utoipa::path(post, path = "/replay", params(("since" = Option<String>, Query, description = "Rows from this moment on, in RFC 3339; all there are when nothing is said")),
 responses((status = 202, body = ReplayText, description = "Begun", headers(("Location" = String, description = "Where it is looked at")))))]
pub(super) async fn begin_replay(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &WRITERS).await?;
        let since = query.read("since", read_moment)?.unwrap_or_default();
        rooms.operations.begin_replay(&tenant, since)?;
        let begun = rooms.operations.replay(&tenant)?;
        let location = [(LOCATION, format!("/v1/tenants/{}/replay", tenant.name()))];
        let text = Json(replay_text(begun, tenant.may(Scope::Read)));
        Ok((StatusCode::ACCEPTED, location, text).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// How far the replay is, and what it has found
///
/// Kept for an hour after its end. Needs scope `read`, or `policy`: then without people.
#[utoipa::path(get, path = "/replay", responses((status = 200, body = ReplayText), noes::Replayed))]
pub(super) async fn show_replay(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &READERS).await?;
        let found = rooms.operations.replay(&tenant)?;
        Ok(Json(replay_text(found, tenant.may(Scope::Read))).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

fn state(how: How) -> String {
    let word = match how {
        How::Running => "running",
        How::Done => "done",
        How::Stopped => "stopped",
        How::Failed => "failed",
    };
    word.to_owned()
}

fn preview_text(progress: Progress<Preview>, whole: bool) -> PreviewText {
    let found = progress.found;
    let count = |kind| found.count(kind);
    let examples = |kind| found.examples(kind).iter().map(|one| example(one, whole)).collect();
    PreviewText {
        state: state(progress.state),
        revision: found.candidate,
        active: found.active,
        done: progress.done,
        of: progress.of,
        same: found.same,
        refused_now: count(Kind::RefusedNow),
        granted_now: count(Kind::GrantedNow),
        named_differently: count(Kind::NamedDifferently),
        allowance_differs: count(Kind::AllowanceDiffers),
        failed: count(Kind::Failed),
        left_out: found.left_out,
        masked: found.masked,
        examples: ExamplesText {
            refused_now: examples(Kind::RefusedNow),
            granted_now: examples(Kind::GrantedNow),
            named_differently: examples(Kind::NamedDifferently),
            allowance_differs: examples(Kind::AllowanceDiffers),
            failed: examples(Kind::Failed),
        },
    }
}

fn example(one: &Example, whole: bool) -> ExampleText {
    ExampleText::of(&one.who, whole, opinion(&one.active), opinion(&one.candidate))
}

fn opinion(opinion: &Opinion) -> OpinionText {
    let no = |decision, code: &str, stage, message: Option<&str>| OpinionText {
        decision,
        code: Some(code.to_owned()),
        stage: Some(stage),
        message: message.map(str::to_owned),
        ..OpinionText::default()
    };
    match opinion {
        Opinion::Grant { name, allowance, .. } => {
            OpinionText::grant(name.clone(), allowance.clone())
        }
        Opinion::Refuse(refusal) => {
            no("refuse", refusal.code(), refusal.stage().as_str(), Some(refusal.message()))
        }
        Opinion::Fail(failure) => {
            no("failed", failure.fault.code().as_str(), failure.stage.as_str(), None)
        }
    }
}

fn replay_text(progress: Progress<Replay>, whole: bool) -> ReplayText {
    let found = progress.found;
    let difference = |one: Difference| DifferenceText {
        request_id: one.request_id,
        at: moment_ms(one.at_ms),
        revision: one.revision,
        what: one.what,
        recorded: Some(one.recorded).filter(|_| whole),
        found: Some(one.found).filter(|_| whole),
    };
    ReplayText {
        state: state(progress.state),
        since: moment(found.since_ms),
        done: progress.done,
        of: progress.of,
        same: found.same,
        different: found.different,
        not_asked: found.not_asked,
        masked: found.masked,
        older: found.older,
        timed_out: found.timed_out,
        differences: found.differences.into_iter().map(difference).collect(),
    }
}
