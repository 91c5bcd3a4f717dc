//! What is taken of `terraform show -json`: no value of it, so that there is none to hide [plan.summary].

use serde::Deserialize;

use crate::v1::{PlanSummary, PlannedAction, PlannedResource, ResultCounts};

/// How many changes go into one part.
const PART: usize = 500;

#[derive(Deserialize)]
pub struct ShownPlan {
    #[serde(default, rename = "terraform_version")]
    pub version: String,
    #[serde(default)]
    resource_changes: Vec<ShownChange>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct ShownChange {
    address: String,
    previous_address: String,
    module_address: String,
    mode: String,
    r#type: String,
    name: String,
    provider_name: String,
    action_reason: String,
    change: Change,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Change {
    actions: Vec<String>,
    importing: Option<serde_json::Value>,
}

impl Change {
    fn action(&self) -> PlannedAction {
        match self.actions.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["no-op"] => PlannedAction::NoOp,
            ["create"] => PlannedAction::Create,
            ["read"] => PlannedAction::Read,
            ["update"] => PlannedAction::Update,
            ["delete", "create"] => PlannedAction::Replace,
            ["create", "delete"] => PlannedAction::ReplaceCreateFirst,
            ["delete"] => PlannedAction::Destroy,
            ["forget"] => PlannedAction::Forget,
            _ => PlannedAction::Unspecified,
        }
    }
}

impl ShownChange {
    fn is_nothing(&self) -> bool {
        self.change.action() == PlannedAction::NoOp
            && self.previous_address.is_empty()
            && self.change.importing.is_none()
    }

    fn planned(&self) -> PlannedResource {
        PlannedResource {
            address: self.address.clone(),
            previous_address: self.previous_address.clone(),
            module: self.module_address.clone(),
            resource_type: self.r#type.clone(),
            name: self.name.clone(),
            provider: self.provider_name.clone(),
            action: self.change.action().into(),
            action_reason: self.action_reason.clone(),
            ..Default::default()
        }
    }
}

impl ShownPlan {
    /// What would be done, in parts that are small enough.
    pub fn summaries(&self) -> Vec<PlanSummary> {
        let changes: Vec<_> = self.resource_changes.iter().filter(|change| !change.is_nothing()).collect();
        changes
            .chunks(PART)
            .map(|part| PlanSummary {
                resource_changes: part.iter().map(|change| change.planned()).collect(),
                ..Default::default()
            })
            .collect()
    }

    /// Counts managed resources, a replacement as one that is created and one that is destroyed.
    pub fn counts(&self) -> ResultCounts {
        let mut counts = ResultCounts::default();
        for change in self.resource_changes.iter().filter(|change| change.mode == "managed") {
            for action in &change.change.actions {
                match action.as_str() {
                    "create" => counts.add += 1,
                    "update" => counts.change += 1,
                    "delete" => counts.destroy += 1,
                    "forget" => counts.forget += 1,
                    _ => {}
                }
            }
            counts.imported += u32::from(change.change.importing.is_some());
        }
        counts
    }
}
