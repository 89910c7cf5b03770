package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// nanoUSD is an exact amount of money: a billionth of a US dollar. Cost is never held in a float.
type nanoUSD int64

const (
	nanosPerDollar = 1_000_000_000
	fractionDigits = 9
)

// parseUSD reads a decimal such as "0.0125": digits, at most nine of them after the point, no sign, no exponent.
func parseUSD(text string) (nanoUSD, error) {
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if !isDigits(whole) || (hasPoint && !isDigits(fraction)) || len(fraction) > fractionDigits {
		return 0, fmt.Errorf("%q is not an amount in USD such as 0.0125 (at most %d decimals)", text, fractionDigits)
	}
	dollars, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || dollars >= math.MaxInt64/nanosPerDollar {
		return 0, fmt.Errorf("%q USD is too much", text)
	}
	nanos, err := strconv.ParseInt(fraction+strings.Repeat("0", fractionDigits-len(fraction)), 10, 64)
	if err != nil {
		return 0, err
	}
	return nanoUSD(dollars*nanosPerDollar + nanos), nil
}

// String is the shortest exact decimal: "1.5", "0.000000001", "12".
func (amount nanoUSD) String() string {
	text := fmt.Sprintf("%d.%09d", amount/nanosPerDollar, amount%nanosPerDollar)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func isDigits(text string) bool {
	for _, character := range text {
		if character < '0' || character > '9' {
			return false
		}
	}
	return text != ""
}
