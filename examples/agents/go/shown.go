package main

import (
	"encoding/json"
	"fmt"
	"slices"

	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

// shownPlan is what is taken of `terraform show -json`: no value of it, so that there is none to hide [plan.summary].
type shownPlan struct {
	Version string `json:"terraform_version"`
	Changes []struct {
		Address  string
		Previous string `json:"previous_address"`
		Module   string `json:"module_address"`
		Mode     string
		Type     string
		Name     string
		Provider string `json:"provider_name"`
		Reason   string `json:"action_reason"`
		Change   struct {
			Actions   []string
			Importing *struct{}
		}
	} `json:"resource_changes"`
}

// show reads the plan that terraform has made.
func (e *execution) show() (*shownPlan, error) {
	output, err := e.command("show", "-json", "-no-color", e.path(planFile)).Output()
	if err != nil {
		return nil, fmt.Errorf("terraform show failed: %w", err)
	}
	shown := &shownPlan{}
	if err := json.Unmarshal(output, shown); err != nil {
		return nil, fmt.Errorf("what terraform show prints cannot be read: %w", err)
	}
	return shown, nil
}

const maxChanges = 500

// summaries says what would be done, in parts that are small enough.
func (p *shownPlan) summaries() []*agentv1.PlanSummary {
	var changes []*agentv1.PlannedResource
	for _, change := range p.Changes {
		action := plannedAction(change.Change.Actions)
		isNothing := action == agentv1.PlannedAction_PLANNED_ACTION_NO_OP
		if isNothing && change.Previous == "" && change.Change.Importing == nil {
			continue
		}
		changes = append(changes, &agentv1.PlannedResource{
			Address: change.Address, PreviousAddress: change.Previous, Module: change.Module, ResourceType: change.Type,
			Name: change.Name, Provider: change.Provider, Action: action, ActionReason: change.Reason,
		})
	}
	var parts []*agentv1.PlanSummary
	for part := range slices.Chunk(changes, maxChanges) {
		parts = append(parts, &agentv1.PlanSummary{ResourceChanges: part})
	}
	return parts
}

func plannedAction(actions []string) agentv1.PlannedAction {
	switch fmt.Sprint(actions) {
	case "[no-op]":
		return agentv1.PlannedAction_PLANNED_ACTION_NO_OP
	case "[create]":
		return agentv1.PlannedAction_PLANNED_ACTION_CREATE
	case "[read]":
		return agentv1.PlannedAction_PLANNED_ACTION_READ
	case "[update]":
		return agentv1.PlannedAction_PLANNED_ACTION_UPDATE
	case "[delete create]":
		return agentv1.PlannedAction_PLANNED_ACTION_REPLACE
	case "[create delete]":
		return agentv1.PlannedAction_PLANNED_ACTION_REPLACE_CREATE_FIRST
	case "[delete]":
		return agentv1.PlannedAction_PLANNED_ACTION_DESTROY
	case "[forget]":
		return agentv1.PlannedAction_PLANNED_ACTION_FORGET
	default:
		return agentv1.PlannedAction_PLANNED_ACTION_UNSPECIFIED
	}
}

// counts counts managed resources, a replacement as one that is created and one that is destroyed.
func (p *shownPlan) counts() *agentv1.ResultCounts {
	counts := &agentv1.ResultCounts{}
	for _, change := range p.Changes {
		if change.Mode != "managed" {
			continue
		}
		for _, action := range change.Change.Actions {
			switch action {
			case "create":
				counts.Add++
			case "update":
				counts.Change++
			case "delete":
				counts.Destroy++
			case "forget":
				counts.Forget++
			}
		}
		if change.Change.Importing != nil {
			counts.Imported++
		}
	}
	return counts
}
