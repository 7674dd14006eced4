package events

import (
	"time"

	"funnelweb/framework"
)

// What the document shows.

func exampleTime() time.Time { return time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC) }

func exampleEvent() framework.Event {
	return framework.Event{
		ID: "splunk-mq7mqn4ycphcbhlwxfhwnlqg6e", Type: "splunk.alert", Time: exampleTime(), RequestID: "mfrggzdfmztwq2lknnwg23tpoa",
		Data: framework.JSON(`{"sid":"scheduler__admin__search__1","search_name":"Malware found on host","result":{"host":"WS-042"}}`),
	}
}

func exampleRun() framework.Run {
	return framework.Run{
		Automation: "ticket-for-alert", State: framework.RunDone, Attempts: 1, Result: "created SEC-1",
		Link: "https://example.atlassian.net/browse/SEC-1", ChangedAt: exampleTime().Add(time.Second),
	}
}

func exampleSummary() framework.EventSummary {
	event := exampleEvent()
	return framework.EventSummary{ID: event.ID, Type: event.Type, Time: event.Time, RequestID: event.RequestID, Runs: []framework.Run{exampleRun()}}
}

func exampleLetter() framework.DeadLetter {
	return framework.DeadLetter{
		ID: "lq6f2w7m5v4sjz3d7kx5yhgn2a", EventID: exampleEvent().ID, EventType: "splunk.alert", Automation: "ticket-for-alert",
		Service: "jira", Reason: "jira: create issue: the project SEC does not exist or may not be seen (status 400)", Attempts: 1,
		FirstTry: exampleTime(), GivenUpAt: exampleTime().Add(time.Minute),
	}
}
