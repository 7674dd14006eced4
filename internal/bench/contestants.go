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
	"funnelweb/plugins/ratelimit"
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
	nameSigned = "funnel, signed"
	nameForged = "funnel, forged"
	nameRefuse = "by hand, forged"
)

// contestants are all that are measured. The last two are sent forged signatures.
func contestants() []contestant {
	byHand := func(log *slog.Logger) (http.Handler, error) { return logged(byHand(), log), nil }
	signedByHand := func(log *slog.Logger) (http.Handler, error) { return logged(signedByHand(), log), nil }
	return []contestant{
		{nameByHand, "net/http and encoding/json, eleven checks by hand", byHand, goodCall()},
		{nameGin, "gin, ShouldBindJSON with validator's tags", byGin, goodCall()},
		{nameHuma, "Huma on gin, as it comes", byHuma, goodCall()},
		{nameFunnel, "ours: token, ratelimit, input checked, output checked, scrub", byFunnel(tokenBefore), goodCall()},
		{nameSigned, "ours, with a signature of the body (hmac) instead of a token", byFunnel(hmacBefore), goodCall()},
		{nameForged, "the same, refusing a body that was changed after it was signed", byFunnel(hmacBefore), forgedCall()},
		{nameRefuse, "by hand, with the signature checked before all else, refusing the same", signedByHand, forgedCall()},
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
		var alert BoundAlert
		if err := c.ShouldBindJSON(&alert); err != nil {
			c.JSON(http.StatusUnprocessableEntity, gin.H{"error": "the alert breaks a rule"})
			return
		}
		c.JSON(http.StatusOK, accept((*Alert)(&alert)))
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

// byFunnel mounts the webhook behind three plugins of the program's own, as a configuration would have them.
func byFunnel(authenticator func(framework.Deps) (framework.Named[framework.Before], error)) func(*slog.Logger) (http.Handler, error) {
	return func(log *slog.Logger) (http.Handler, error) {
		if log == nil {
			log = slog.New(slog.DiscardHandler)
		}
		deps := framework.Deps{Log: log, Now: time.Now} //nolint:forbidigo // the clock comes in here
		funnel, err := framework.NewFunnel(framework.Info{Title: "bench", Version: "1"}, log, deps.Now)
		if err != nil {
			return nil, err
		}
		first, err := authenticator(deps)
		if err != nil {
			return nil, err
		}
		limited := ratelimit.Defaults()
		limited.Rate = ratelimit.Rate{Count: 1_000_000, Per: time.Second}
		limited.Burst = 1_000_000
		limiter, err := ratelimit.New(limited, deps)
		if err != nil {
			return nil, fmt.Errorf("ratelimit: %w", err)
		}
		scrubber, err := scrub.New(scrub.Config{Cards: true, SSN: true}, deps)
		if err != nil {
			return nil, fmt.Errorf("scrub: %w", err)
		}
		type input struct{ Body Alert }
		return funnel, funnel.Mount(framework.Endpoint[input, Receipt]{
			Method: http.MethodPost, Path: path, ID: "alert", MaxBody: maxBody,
			Handle: func(_ context.Context, in *input) (*Receipt, error) { return accept(&in.Body), nil },
		}.Route(), framework.Chain{
			Before: []framework.Named[framework.Before]{first, {Name: "ratelimit", Part: limiter}},
			After:  []framework.Named[framework.After]{{Name: "scrub", Part: scrubber}},
		})
	}
}

func tokenBefore(deps framework.Deps) (framework.Named[framework.Before], error) {
	config := token.Defaults()
	config.Secrets = []framework.Secret{framework.NewSecret(bearer)}
	plugin, err := token.New(config, deps)
	return framework.Named[framework.Before]{Name: "token", Part: plugin}, err
}

func hmacBefore(deps framework.Deps) (framework.Named[framework.Before], error) {
	config := hmac.Defaults()
	config.Preset, config.Secrets = "github", []framework.Secret{framework.NewSecret(signingKey)}
	plugin, err := hmac.New(config, deps)
	return framework.Named[framework.Before]{Name: "hmac", Part: plugin}, err
}
