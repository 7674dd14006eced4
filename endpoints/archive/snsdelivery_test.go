package archive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// post sends any body as SNS does.
func (s served) post(t *testing.T, body string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/api/v1/s3/sns", strings.NewReader(body))
	request.Header = header
	request.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, request)
	return answer
}

func TestMembersThatAreNotSignedAreNotLookedAt(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	message := map[string]any{
		"MessageAttributes": map[string]any{"AWS.SNS.MOBILE.MPNS.Type": map[string]any{"Type": "String", "Value": `{"alerts":[]}`}},
		"UnsubscribeURL":    "https://attacker.example/", "SequenceNumber": "10000000000000000000",
	}
	for name, value := range standIn.message("Notification", "2", nil) {
		message[name] = value
	}
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, s.post(t, string(body), http.Header{}), http.StatusOK, `{"success":true}`)
	if got := s.events.Events(); len(got) != 1 || strings.Contains(string(got[0].Data), "attacker") {
		t.Errorf("got %+v", got)
	}
}

// TestALargestMessageIsTaken is of 256 KiB, which is what SNS carries.
func TestALargestMessageIsTaken(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	const frame = `{"alerts":[{"id":"589b1aa1","created_at":1795176000000,"title":"%s"}]}`
	text := fmt.Sprintf(frame, strings.Repeat("x", 256<<10-len(frame)+2))
	if len(text) != 256<<10 {
		t.Fatalf("the message has %d bytes", len(text))
	}
	answer := s.send(t, standIn.message("Notification", "2", func(m map[string]string) { m["Message"] = text }))
	wantAnswer(t, answer, http.StatusOK, `{"success":true}`)
	if got := s.events.Events(); len(got) != 1 || len(got[0].Data) < 255<<10 {
		t.Errorf("got %d events", len(got))
	}
}

// TestRawDeliveryIsToldAsWhatItIs: such messages have no signature, so nothing in them may be believed.
func TestRawDeliveryIsToldAsWhatItIs(t *testing.T) {
	standIn := newSNS(t, nil)
	for name, header := range map[string]http.Header{
		"as SNS marks it": {"X-Amz-Sns-Rawdelivery": {"true"}, "X-Amz-Sns-Message-Type": {"Notification"}, "X-Amz-Sns-Topic-Arn": {topic}},
		"without a mark":  {},
	} {
		t.Run(name, func(t *testing.T) {
			s := subscribed(t, standIn)
			answer := s.post(t, oneAlert, header)
			var problem framework.Problem
			into(t, answer.Body.Bytes(), &problem)
			if answer.Code != http.StatusUnprocessableEntity || len(s.events.Events()) != 0 || len(problem.Errors) != 1 || problem.Errors[0].Pointer != "/Type" {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

// TestAMessageThatIsSentAgainIsTheSame is about SNS's repeats, and about somebody who recorded a message: what it was good for then, it
// has done.
func TestAMessageThatIsSentAgainIsTheSame(t *testing.T) {
	standIn := newSNS(t, nil)
	s := subscribed(t, standIn)
	notification, confirmation := standIn.message("Notification", "2", nil), standIn.message("SubscriptionConfirmation", "2", nil)
	for range 3 {
		wantAnswer(t, s.send(t, notification), http.StatusOK, `{"success":true}`)
	}
	ids := map[string]bool{}
	for _, event := range s.events.Events() {
		ids[event.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("three deliveries are %d events", len(ids))
	}
	standIn.called()
	for range 3 {
		wantAnswer(t, s.send(t, confirmation), http.StatusOK, `{"success":true}`)
	}
	want := []string{"GET " + snsHost + "/", "confirmed"} // SNS is told once: a recorded message is no way to make us call
	if diff := cmp.Diff(want, standIn.called()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestSNSLeadsNowhereElse answers with a redirect to another host that has a right certificate, too, with a client that would go there.
func TestSNSLeadsNowhereElse(t *testing.T) {
	for _, at := range []string{"the certificate", "the confirmation"} {
		t.Run(at, func(t *testing.T) {
			standIn := newSNS(t, nil)
			standIn.redirect = map[string]string{"the certificate": certPath, "the confirmation": "/"}[at]
			s := subscribed(t, standIn)
			answer := s.send(t, standIn.message("SubscriptionConfirmation", "2", nil))
			wantProblem(t, answer, http.StatusServiceUnavailable)
			for _, call := range standIn.called() {
				if strings.Contains(call, otherHost) {
					t.Errorf("it went on to %q", call)
				}
			}
		})
	}
}

func TestAConfirmationThatIsTooOldIsNotMade(t *testing.T) {
	standIn := newSNS(t, nil)
	for timestamp, fine := range map[string]bool{
		"2026-11-20T12:00:00.000Z": true, "2026-11-17T12:00:00.000Z": true, "2026-11-17T11:59:59.999Z": false, "2012-04-26T20:45:04.751Z": false, "soon": false,
	} {
		t.Run(timestamp, func(t *testing.T) {
			s := subscribed(t, standIn)
			answer := s.send(t, standIn.message("SubscriptionConfirmation", "2", func(m map[string]string) { m["Timestamp"] = timestamp }))
			if confirmed := slices.Contains(standIn.called(), "confirmed"); confirmed != fine || (answer.Code == http.StatusOK) != fine {
				t.Errorf("confirmed: %v; got %d %s", confirmed, answer.Code, answer.Body)
			}
		})
	}
}
