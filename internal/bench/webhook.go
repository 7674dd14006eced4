package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Alert is the webhook that all contestants take. Its eleven fields are under the same rules for all: by the tags of
// the schema for the funnel and Huma, by those of BoundAlert for gin, and by validate for the one by hand.
type Alert struct {
	ID        string    `json:"id" format:"uuid"`
	Title     string    `json:"title" minLength:"1" maxLength:"200"`
	Severity  string    `json:"severity" enum:"low,medium,high,critical"`
	CreatedAt time.Time `json:"created_at"`
	RiskScore int       `json:"risk_score" minimum:"0" maximum:"100"`
	Host      string    `json:"host" minLength:"1" maxLength:"253"`
	User      string    `json:"user" format:"email"`
	SourceIP  string    `json:"source_ip" format:"ipv4"`
	SHA256    string    `json:"sha256" minLength:"64" maxLength:"64"`
	Link      string    `json:"link" format:"uri"`
	Evidence  []string  `json:"evidence" minItems:"1" maxItems:"20"`
}

// BoundAlert is an Alert with the tags of gin's validator.
type BoundAlert struct {
	ID        string    `json:"id" binding:"required,uuid"`
	Title     string    `json:"title" binding:"required,min=1,max=200"`
	Severity  string    `json:"severity" binding:"required,oneof=low medium high critical"`
	CreatedAt time.Time `json:"created_at" binding:"required"`
	RiskScore int       `json:"risk_score" binding:"min=0,max=100"`
	Host      string    `json:"host" binding:"required,min=1,max=253"`
	User      string    `json:"user" binding:"required,email"`
	SourceIP  string    `json:"source_ip" binding:"required,ipv4"`
	SHA256    string    `json:"sha256" binding:"required,len=64"`
	Link      string    `json:"link" binding:"required,uri"`
	Evidence  []string  `json:"evidence" binding:"required,min=1,max=20"`
}

// Receipt is the answer of all contestants. Only the funnel checks it against its rules.
type Receipt struct {
	EventID    string    `json:"event_id" format:"uuid"`
	Status     string    `json:"status" enum:"accepted,duplicate"`
	ReceivedAt time.Time `json:"received_at"`
	Host       string    `json:"host" maxLength:"253"`
	Evidence   int       `json:"evidence" minimum:"1" maximum:"20"`
}

// accept is the work that every handler does: as little as there can be.
func accept(alert *Alert) *Receipt {
	return &Receipt{
		EventID: alert.ID, Status: "accepted", ReceivedAt: alert.CreatedAt,
		Host: alert.Host, Evidence: len(alert.Evidence),
	}
}

const (
	path        = "/api/v1/alert"
	maxBody     = 1 << 20
	bearer      = "a-token-for-the-benchmark-only"
	signingKey  = "a-signing-key-for-the-benchmark-only"
	signatureIn = "X-Hub-Signature-256"
)

// body is a webhook of about 1.4 KB.
func body() []byte {
	line := `"2026-11-20T12:00:0%Z WS-042 process 4711 C:\\Users\\jdoe\\AppData\\Local\\Temp\\invoice.exe wrote C:\\ProgramData\\svc\\update.dll, then called 203.0.113.7:443"`
	var evidence []string
	for _, digit := range "123456" {
		evidence = append(evidence, strings.ReplaceAll(line, "%", string(digit)))
	}
	return []byte(`{"id":"0b9d3c1e-6f0a-4a58-9a55-2f7c1d9e8b42","title":"Malware found on host","severity":"high",` +
		`"created_at":"2026-11-20T12:00:07Z","risk_score":87,"host":"WS-042.lab.example","user":"jdoe@lab.example","source_ip":"192.0.2.42",` +
		`"sha256":"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",` +
		`"link":"https://splunk.lab.example/app/search/search?q=loadjob","evidence":[` + strings.Join(evidence, ",") + `]}`)
}

// sign returns the header value that proves a body.
func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(signingKey))
	_, _ = mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
