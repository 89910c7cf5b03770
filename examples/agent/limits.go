package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const maxLimitsBytes = 1 << 20

// limits is what the operator publishes for a pool; fields that this agent does not need are ignored.
type limits struct {
	MaxConcurrency *int `json:"maxConcurrency"`
	Agents         map[string]struct {
		MaxConcurrency *int `json:"maxConcurrency"`
	} `json:"agents"`
}

// mayCall says whether the limits in the file leave room for a call of this agent. No file yet: nobody limits.
// A file that cannot be understood leaves no room: an agent that lost sight of its budget must not spend.
func mayCall(path, agent string) (bool, error) {
	if path == "" {
		return true, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxLimitsBytes+1))
	if err != nil {
		return false, err
	}
	if len(content) > maxLimitsBytes {
		return false, fmt.Errorf("%s is larger than %d bytes", path, maxLimitsBytes)
	}
	var published limits
	if err := json.Unmarshal(content, &published); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if own, listed := published.Agents[agent]; listed && own.MaxConcurrency != nil {
		return *own.MaxConcurrency > 0, nil
	}
	if published.MaxConcurrency == nil {
		return false, fmt.Errorf("%s names no maxConcurrency", path)
	}
	return *published.MaxConcurrency > 0, nil
}
