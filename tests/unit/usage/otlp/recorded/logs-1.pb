
Ÿ
ﬁ
"
telemetry.sdk.language
python
%
telemetry.sdk.name
opentelemetry
!
telemetry.sdk.version
1.45.2
=
service.instance.id&
$b5348bc7-92fa-437b-b31d-cf27da3a61eb

agent
coder

service.name
claude-codeı

com.anthropic.claude_code’	†MÙL€Î	*
claude_code.api_request2

event.name
api_request2
model
claude-sonnet-4-52
cost_usd
0.02712
cost_usd_microsÛ”2
duration_msÛ 2
input_tokens2
output_tokens 2
cache_read_tokensòu2
cache_creation_tokens–2

request_id
	req_011CT2

session.id
s-12
event.sequenceY˝1RR›ÏÎ