package threatstack

import "time"

// Alert is an alert with its detail, as GET /alerts/{id} gives it.
type Alert struct {
	ID             string            `json:"id"`
	Title          string            `json:"title"`
	CreatedAt      int64             `json:"created_at"` // milliseconds since 1970
	Severity       int               `json:"severity"`   // 1 is the highest
	OrganizationID string            `json:"organization_id"`
	Server         string            `json:"server_or_region"`
	Source         string            `json:"source"`
	Rule           Rule              `json:"rule"`
	Latest         map[string]string `json:"latest_event"`
}

// Rule is what raised an alert.
type Rule struct {
	ID   string `json:"id"`
	Name string `json:"original_rule"`
}

// item is an alert as a webhook announces it.
type item struct {
	ID             string `json:"id"`
	Title          string `json:"title"`
	CreatedAt      int64  `json:"created_at"`
	Severity       int    `json:"severity"`
	OrganizationID string `json:"organization_id"`
	Server         string `json:"server_or_region"`
	Source         string `json:"source"`
}

const organization = "5a1f3b2c4d5e6f7081920a3b"

// story is two alerts of the host of the demo's story.
func story(now time.Time) []Alert {
	const host = "WS-042"
	return []Alert{
		{
			ID: "589b1aa17c2f4e0d9a3b5c61", Title: "Malware: EICAR test file written by jdoe", CreatedAt: now.Add(-3 * time.Minute).UnixMilli(),
			Severity: 1, OrganizationID: organization, Server: host, Source: "agent",
			Rule:   Rule{"58f0c3d2a1b4", "File: known malicious hash"},
			Latest: map[string]string{"user": "jdoe", "exe": "/usr/bin/curl", "filename": "/tmp/invoice.pdf.exe", "md5": "44d88612fea8a8f36de82e1278abb02f"},
		},
		{
			ID: "63c4d5e6f70819a2b3c4d5e6", Title: "Network: outbound connection from a new process", CreatedAt: now.Add(-2 * time.Minute).UnixMilli(),
			Severity: 2, OrganizationID: organization, Server: host, Source: "agent",
			Rule:   Rule{"58f0c3d2a1b9", "Network: first seen destination"},
			Latest: map[string]string{"user": "jdoe", "exe": "/tmp/invoice.pdf.exe", "dst_ip": "203.0.113.66", "dst_port": "443"},
		},
	}
}

func announced(alerts []Alert) []item {
	var items []item
	for _, a := range alerts {
		items = append(items, item{a.ID, a.Title, a.CreatedAt, a.Severity, a.OrganizationID, a.Server, a.Source})
	}
	return items
}
