package sandbox

import (
	"errors"
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
		"splunk-rest-token":   s.access.splunkREST.Reveal(),
		"archive-token":       s.access.archiveToken.Reveal(),
	} {
		if err := writeSecret(filepath.Join(dir, name), text); err != nil {
			return fmt.Errorf("write the sandbox's secrets: %w", err)
		}
	}
	return nil
}

// writeSecret makes the file anew: one that is there may be readable by others, or lead elsewhere.
func writeSecret(path, text string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
