package events

import (
	"context"
	"time"

	"funnelweb/framework"
)

// ChangesCall is a call for what happens next.
type ChangesCall struct {
	After      string             `query:"after" maxLength:"8192" doc:"next of the call before" example:"eyJsIjoiY2hhbmdlcyIsImEiOnsic3BsdW5rIjo3fX0"`
	Wait       int                `query:"wait" minimum:"0" maximum:"25" default:"20" doc:"For how many seconds to wait; less than proxies usually do"`
	Source     string             `query:"source" maxLength:"63" doc:"Only events of this source" example:"splunk"`
	Type       string             `query:"type" maxLength:"127" doc:"Only events of this type" example:"splunk.alert"`
	Automation string             `query:"automation" maxLength:"63" doc:"Only runs of this automation" example:"ticket-for-alert"`
	State      framework.RunState `query:"state" enum:"waiting,running,retrying,done,skipped,dead" doc:"Only runs that come into this state"`
}

// Changes is what happened.
type Changes struct {
	Changes []framework.EventChange `json:"changes" doc:"Oldest first"`
	Next    string                  `json:"next" doc:"after of the next call"`
}

func (o operator) changes(ctx context.Context, call *ChangesCall) (*Changes, error) {
	filter := framework.EventFilter{Source: call.Source, Type: call.Type, Automation: call.Automation, State: call.State}
	changes, next, err := o.activity.Changes(ctx, filter, call.After, time.Duration(call.Wait)*time.Second)
	if err != nil {
		return nil, refused(err, "wait for changes", "")
	}
	return &Changes{Changes: changes, Next: next}, nil
}
