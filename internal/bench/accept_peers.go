package main

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
)

// bento answers when an alert is in its buffer of SQLite, which it does not sync; what it delivers to is nobody.
func bento() *acceptor {
	return &acceptor{
		name: nameBento, is: "Bento with its buffer of SQLite, which is not synced; no signature, no schema", path: "/alert", status: http.StatusOK,
		needs: "bento --version", install: "go install github.com/warpstreamlabs/bento/cmd/bento@v1.10.0",
		arrange: func(dir, address string) ([]string, error) {
			config := "http: {address: " + address + "}\ninput:\n  http_server: {path: /alert, allowed_verbs: [POST]}\nbuffer:\n  sqlite: {path: " +
				filepath.Join(dir, "buffer.db") + "}\noutput: {drop: {}}\nlogger: {level: ERROR}\n"
			return []string{"bento", "-c", filepath.Join(dir, "bento.yaml")}, writeFile(dir, "bento.yaml", config)
		},
	}
}

// n8nFlow is a workflow that answers a webhook at once and has nothing else to do.
const n8nFlow = `{"id":"bench0000000000a","name":"alert","active":true,"settings":{},"connections":{"Webhook":{"main":[[{"node":"Done","type":"main","index":0}]]}},"nodes":[` +
	`{"id":"a","name":"Webhook","type":"n8n-nodes-base.webhook","typeVersion":2,"position":[0,0],"webhookId":"alert","parameters":{"httpMethod":"POST","path":"alert","responseMode":"onReceived","options":{}}},` +
	`{"id":"b","name":"Done","type":"n8n-nodes-base.noOp","typeVersion":1,"position":[200,0],"parameters":{}}]}`

// n8n is as its documentation has it for one machine: one process, executions in SQLite
// (docs.n8n.io/hosting/configuration/environment-variables).
func n8n() *acceptor {
	return &acceptor{
		name: nameN8N, is: "n8n with a workflow that answers at once, executions in SQLite; no signature, no schema", path: "/webhook/alert", status: http.StatusOK,
		needs: "n8n --version", install: "npm install --global n8n@1.123.50",
		arrange: func(dir, address string) ([]string, error) {
			host, port, err := net.SplitHostPort(address)
			flow := filepath.Join(dir, "flow.json")
			line := strings.Join([]string{
				"export N8N_USER_FOLDER=" + dir, "N8N_LISTEN_ADDRESS=" + host, "N8N_PORT=" + port, "N8N_DIAGNOSTICS_ENABLED=false",
				"N8N_VERSION_NOTIFICATIONS_ENABLED=false", "N8N_TEMPLATES_ENABLED=false", "N8N_RUNNERS_ENABLED=false", "N8N_LOG_LEVEL=error",
			}, " ") + " && n8n import:workflow --input=" + flow + " && n8n update:workflow --all --active=true && exec n8n start"
			return []string{"sh", "-c", line}, errors.Join(err, writeFile(dir, "flow.json", n8nFlow))
		},
	}
}
