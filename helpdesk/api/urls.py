from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import DefaultRouter

from helpdesk.api import escalations, incidents, outcomes, set_up, views
from helpdesk.ports import ports

router = DefaultRouter()
router.include_format_suffixes = False
router.register("brands", views.BrandView, "brand")
router.register("channels", views.ChannelView, "channel")
router.register("members", views.MemberView, "member")
router.register("customers", views.CustomerView, "customer")
router.register("tickets", views.TicketView, "ticket")
router.register("messages", views.MessageView, "message")
router.register("deliveries", views.DeliveryView, "delivery")
router.register("notices", views.NoticeView, "notice")
router.register("teams", set_up.TeamView, "team")
router.register("calendars", set_up.CalendarView, "calendar")
router.register("policies", set_up.PolicyView, "policy")
router.register("levels", set_up.LevelView, "level")
router.register("shifts", set_up.ShiftView, "shift")
router.register("escalation-policies", set_up.EscalationPolicyView, "escalation-policy")
router.register("escalations", escalations.EscalationView, "escalation")
router.register("follow-ups", escalations.FollowUpView, "follow-up")
router.register("approvals", escalations.ApprovalView, "approval")
router.register("areas", set_up.AreaView, "area")
router.register("concessions", outcomes.ConcessionView, "concession")
router.register("surveys", outcomes.SurveyView, "survey")
router.register("lessons", outcomes.LessonView, "lesson")
router.register("incidents", incidents.IncidentView, "incident")
for add_routes in ports.api_routes:
    add_routes(router)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("", include(router.urls)),
]
