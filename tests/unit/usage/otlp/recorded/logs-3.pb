
Û
Þ
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
claude-code÷

com.anthropic.claude_code×	 MôLÛë	*
claude_code.api_error2

event.name
	api_error2
model
claude-sonnet-4-52
error
overloaded_error2
status_code
5292
duration_msx2

session.id
s-12
event.sequenceYž€RÝìë