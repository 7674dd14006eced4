package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"funnelweb/framework"
	"funnelweb/plugins/hmac"
	"funnelweb/plugins/scrub"
	"funnelweb/plugins/token"
)

// contestant is one way to serve the webhook. A nil log means that no line is written for a request.
type contestant struct {
	name string
	is   string
	make func(log *slog.Logger) (http.Handler, error)
	call call
}

// The names of the contestants, as in the report.
const (
	nameByHand = "by hand"
	nameGin    = "gin"
	nameHuma   = "Huma"
	nameFunnel = "funnel"
	nameForged = "funnel, forged"
	nameSigned = "by hand, forged"
)

// contestants are all that are measured. The last two are sent forged signatures.
func contestants() []contestant {
	byHand := func(log *slog.Logger) (http.Handler, error) { return logged(byHand(), log), nil }
	signedByHand := func(log *slog.Logger) (http.Handler, error) { return logged(signedByHand(), log), nil }
	return []contestant{
		{nameByHand, "net/http and encoding/json, eleven checks by hand", byHand, goodCall()},
		{nameGin, "gin, ShouldBindJSON with validator's tags", byGin, goodCall()},
		{nameHuma, "Huma on gin, as it comes", byHuma, goodCall()},
		{nameFunnel, "ours: token, hmac, input checked, output checked, scrub", byFunnel, goodCall()},
		{nameForged, "ours, refusing a body that was changed after it was signed", byFunnel, forgedCall()},
		{nameSigned, "by hand, with the signature checked before all else, refusing the same", signedByHand, forgedCall()},
	}
}

func newGin(log *slog.Logger) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.Recovery())
	if log != nil {
		engine.Use(func(c *gin.Context) {
			start := time.Now() //nolint:forbidigo // measures, and is no part
			c.Next()
			writeLine(log, c.Request, c.FullPath(), c.Writer.Status(), c.Writer.Size(), start)
		})
	}
	return engine
}

func byGin(log *slog.Logger) (http.Handler, error) {
	engine := newGin(log)
	engine.POST(path, func(c *gin.Context) {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
		var alert Alert
		if err := c.ShouldBindJSON(&alert); err != nil {
			c.JSON(http.StatusUnprocessableEntity, gin.H{"error": "the alert breaks a rule"})
			return
		}
		c.JSON(http.StatusOK, accept(&alert))
	})
	return engine, nil
}

func byHuma(log *slog.Logger) (http.Handler, error) {
	engine := newGin(log)
	type input struct{ Body Alert }
	type output struct{ Body *Receipt }
	api := humagin.New(engine, huma.DefaultConfig("bench", "1"))
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: path, OperationID: "alert", MaxBodyBytes: maxBody},
		func(_ context.Context, in *input) (*output, error) { return &output{accept(&in.Body)}, nil })
	return engine, nil
}

func byFunnel(log *slog.Logger) (http.Handler, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	funnel, err := framework.NewFunnel(framework.Info{Title: "bench", Version: "1"}, log, time.Now) //nolint:forbidigo // the clock comes in here
	if err != nil {
		return nil, err
	}
	deps := framework.Deps{Log: log, Now: time.Now} //nolint:forbidigo // the clock comes in here
	chain, err := plugins(deps)
	if err != nil {
		return nil, err
	}
	type input struct{ Body Alert }
	return funnel, funnel.Mount(framework.Endpoint[input, Receipt]{
		Method: http.MethodPost, Path: path, ID: "alert", MaxBody: maxBody,
		Handle: func(_ context.Context, in *input) (*Receipt, error) { return accept(&in.Body), nil },
	}.Route(), chain)
}

// plugins are three of the program's own, as a configuration would have them.
func plugins(deps framework.Deps) (framework.Chain, error) {
	bearers := token.Defaults()
	bearers.Secrets = []framework.Secret{framework.NewSecret(bearer)}
	tokens, err := token.New(bearers, deps)
	if err != nil {
		return framework.Chain{}, fmt.Errorf("token: %w", err)
	}
	signed := hmac.Defaults()
	signed.Preset, signed.Secrets = "github", []framework.Secret{framework.NewSecret(signingKey)}
	signatures, err := hmac.New(signed, deps)
	if err != nil {
		return framework.Chain{}, fmt.Errorf("hmac: %w", err)
	}
	scrubber, err := scrub.New(scrub.Config{Cards: true, SSN: true}, deps)
	if err != nil {
		return framework.Chain{}, fmt.Errorf("scrub: %w", err)
	}
	return framework.Chain{
		Before: []framework.Named[framework.Before]{{Name: "token", Part: tokens}, {Name: "hmac", Part: signatures}},
		After:  []framework.Named[framework.After]{{Name: "scrub", Part: scrubber}},
	}, nil
}
