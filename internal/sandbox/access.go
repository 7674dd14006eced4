package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteAccess writes what proves callers into files of a directory, which is made, readable by their owner alone. The names
// are those that configs/demo.yaml refers to.
func (s *Sandbox) WriteAccess(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory for the sandbox's secrets: %w", err)
	}
	for name, text := range map[string]string{
		"jira-token":          s.access.jiraToken.Reveal(),
		"jira-webhook-secret": s.access.jiraWebhook.Reveal(),
		"ad-password":         s.access.adPassword.Reveal(),
		"ad-ca.pem":           string(s.Directory.CAPEM()),
		"vt-key":              s.access.vtKey.Reveal(),
		"threatstack-key":     s.access.threatStackKey.Reveal(),
		"splunk-token":        s.access.splunkToken.Reveal(),
		"archive-token":       s.access.archiveToken.Reveal(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the sandbox's secrets: %w", err)
		}
	}
	return nil
}
