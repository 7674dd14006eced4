package archive

import (
	"context"
	"errors"
	"net/http"

	"funnelweb/framework"
)

// AlertInput is a call for one alert.
type AlertInput struct {
	ID string `path:"id" doc:"Threat Stack's id of the alert" pattern:"^[A-Za-z0-9_-]{4,128}$" minLength:"4" maxLength:"128" example:"589b1aa1e4b0c5a1f2d3e4f5"`
}

// Archived is one archived alert.
type Archived struct {
	Success bool           `json:"success"`
	Alert   framework.JSON `json:"alert" doc:"The alert's detail as Threat Stack gave it"`
}

func alertRoute(v viewer) framework.Route {
	return framework.Endpoint[AlertInput, Archived]{
		Method:  http.MethodGet,
		Path:    "/api/v1/s3/alert/{id}",
		ID:      "archive-alert",
		Summary: "Show one archived alert",
		Description: "The alert is in the archive once the automation that archives it has run, which is after its webhook was " +
			"answered.",
		Tag: tag, TagDescription: tagDescription,
		Answer: &Archived{Success: true, Alert: framework.JSON(`{"id":"` + exampleID + `","title":"CloudTrail: root account used","severity":1}`)},
		Handle: v.alert,
	}.Route()
}

func (v viewer) alert(ctx context.Context, input *AlertInput) (*Archived, error) {
	detail, err := v.detail(ctx, input.ID)
	switch {
	case errors.Is(err, framework.ErrNoObject):
		return nil, framework.NewProblem(http.StatusNotFound, "The archive holds no alert of this id, or not yet.")
	case errors.Is(err, errNoAlert):
		return nil, err // a fault of whoever wrote it: a bare 500, and the log says which
	case err != nil:
		return nil, unreadable(err)
	}
	return &Archived{Success: true, Alert: detail}, nil
}
